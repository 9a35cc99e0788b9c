/**
 * The layouts of ffi/libc/structs.ts, compared with those of the machine's C compiler.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as structs from "../../ffi/libc/structs.ts";
import { evaluateInC } from "../support/c_compiler.ts";

type Layout = Readonly<Record<string, number>> & { readonly size: number };

const LAYOUTS: Readonly<Record<string, Layout>> = structs;

const HEADERS = [
  "sys/epoll.h",
  "poll.h",
  "netinet/in.h",
  "sys/select.h",
  "linux/openat2.h",
  "sys/resource.h",
  "time.h",
  "sys/stat.h",
  "sys/vfs.h",
  "sys/inotify.h",
  "dirent.h",
  "elf.h",
  "pwd.h",
  "grp.h",
  "ifaddrs.h",
  "linux/io_uring.h",
  "linux/landlock.h",
  "linux/tls.h",
  "sys/un.h",
  "signal.h",
  "sys/signalfd.h",
  "netdb.h",
];

const CRYPTO_INFO = {
  version: "info.version",
  cipher_type: "info.cipher_type",
  iv: "iv",
  key: "key",
  rec_seq: "rec_seq",
} as const;

/** The C type of each layout, and the C names of its fields. */
const IN_C: Readonly<Record<string, readonly [type: string, fields: Readonly<Record<string, string>>]>> = {
  EPOLL_EVENT: ["struct epoll_event", { events: "events", data: "data" }],
  ADDRINFO: ["struct addrinfo", {
    family: "ai_family",
    socktype: "ai_socktype",
    addr: "ai_addr",
    next: "ai_next",
  }],
  POLLFD: ["struct pollfd", { fd: "fd", events: "events", revents: "revents" }],
  SOCKADDR_IN: ["struct sockaddr_in", { family: "sin_family", port: "sin_port", addr: "sin_addr" }],
  SOCKADDR_IN6: ["struct sockaddr_in6", {
    family: "sin6_family",
    port: "sin6_port",
    flowinfo: "sin6_flowinfo",
    addr: "sin6_addr",
    scope_id: "sin6_scope_id",
  }],
  SOCKADDR_UN: ["struct sockaddr_un", { family: "sun_family", path: "sun_path" }],
  IOVEC: ["struct iovec", { base: "iov_base", len: "iov_len" }],
  MSGHDR: ["struct msghdr", {
    name: "msg_name",
    namelen: "msg_namelen",
    iov: "msg_iov",
    iovlen: "msg_iovlen",
    control: "msg_control",
    controllen: "msg_controllen",
    flags: "msg_flags",
  }],
  CMSGHDR: ["struct cmsghdr", { len: "cmsg_len", level: "cmsg_level", type: "cmsg_type" }],
  TLS12_CRYPTO_INFO_AES_GCM_128: ["struct tls12_crypto_info_aes_gcm_128", {
    ...CRYPTO_INFO,
    salt: "salt",
  }],
  TLS12_CRYPTO_INFO_AES_GCM_256: ["struct tls12_crypto_info_aes_gcm_256", {
    ...CRYPTO_INFO,
    salt: "salt",
  }],
  TLS12_CRYPTO_INFO_CHACHA20_POLY1305: ["struct tls12_crypto_info_chacha20_poly1305", CRYPTO_INFO],
  TIMEVAL: ["struct timeval", { sec: "tv_sec", usec: "tv_usec" }],
  OPEN_HOW: ["struct open_how", { flags: "flags", mode: "mode", resolve: "resolve" }],
  INOTIFY_EVENT: ["struct inotify_event", { wd: "wd", mask: "mask", len: "len" }],
  DIRENT64: ["struct dirent64", { reclen: "d_reclen", type: "d_type", name: "d_name" }],
  STAT: ["struct stat", {
    dev: "st_dev",
    ino: "st_ino",
    nlink: "st_nlink",
    mode: "st_mode",
    file_size: "st_size",
    mtime_sec: "st_mtim.tv_sec",
    mtime_nsec: "st_mtim.tv_nsec",
    ctime_sec: "st_ctim.tv_sec",
    ctime_nsec: "st_ctim.tv_nsec",
  }],
  STATFS: ["struct statfs", { type: "f_type" }],
  RLIMIT: ["struct rlimit", { cur: "rlim_cur", max: "rlim_max" }],
  SIGSET: ["sigset_t", {}],
  SIGNALFD_SIGINFO: ["struct signalfd_siginfo", {}],
  TIMESPEC: ["struct timespec", { sec: "tv_sec", nsec: "tv_nsec" }],
  RUSAGE: ["struct rusage", { utime: "ru_utime", stime: "ru_stime" }],
  PASSWD: ["struct passwd", { name: "pw_name", uid: "pw_uid", gid: "pw_gid" }],
  GROUP: ["struct group", { gid: "gr_gid" }],
  IFADDRS: ["struct ifaddrs", { next: "ifa_next", flags: "ifa_flags", addr: "ifa_addr" }],
  LANDLOCK_PATH_BENEATH_ATTR: ["struct landlock_path_beneath_attr", {
    allowed_access: "allowed_access",
    parent_fd: "parent_fd",
  }],
  IO_URING_PARAMS: ["struct io_uring_params", {
    sq_entries: "sq_entries",
    cq_entries: "cq_entries",
    flags: "flags",
    features: "features",
    sq_off: "sq_off",
    cq_off: "cq_off",
  }],
  IO_SQRING_OFFSETS: ["struct io_sqring_offsets", {
    head: "head",
    tail: "tail",
    ring_mask: "ring_mask",
    array: "array",
  }],
  IO_CQRING_OFFSETS: ["struct io_cqring_offsets", {
    head: "head",
    tail: "tail",
    ring_mask: "ring_mask",
    cqes: "cqes",
  }],
  IO_URING_SQE: ["struct io_uring_sqe", {
    opcode: "opcode",
    flags: "flags",
    ioprio: "ioprio",
    fd: "fd",
    off: "off",
    addr: "addr",
    len: "len",
    op_flags: "rw_flags",
    user_data: "user_data",
    buf_group: "buf_group",
  }],
  IO_URING_CQE: ["struct io_uring_cqe", { user_data: "user_data", res: "res", flags: "flags" }],
  IO_URING_GETEVENTS_ARG: ["struct io_uring_getevents_arg", {
    sigmask: "sigmask",
    sigmask_sz: "sigmask_sz",
    ts: "ts",
  }],
  IO_URING_RESTRICTION: ["struct io_uring_restriction", { opcode: "opcode", operand: "sqe_op" }],
  ELF64_EHDR: ["Elf64_Ehdr", {
    machine: "e_machine",
    shoff: "e_shoff",
    shentsize: "e_shentsize",
    shnum: "e_shnum",
  }],
  STATX: ["struct statx", {
    mask: "stx_mask",
    nlink: "stx_nlink",
    uid: "stx_uid",
    mode: "stx_mode",
    ino: "stx_ino",
    file_size: "stx_size",
    ctime_sec: "stx_ctime.tv_sec",
    ctime_nsec: "stx_ctime.tv_nsec",
    mtime_sec: "stx_mtime.tv_sec",
    mtime_nsec: "stx_mtime.tv_nsec",
    dev_major: "stx_dev_major",
    dev_minor: "stx_dev_minor",
    mnt_id: "stx_mnt_id",
  }],
};

Deno.test("every layout and every field has a name in C", () => {
  assertEquals(Object.keys(IN_C).sort(), Object.keys(LAYOUTS).sort());
  for (const [name, layout] of Object.entries(LAYOUTS)) {
    assertEquals(["size", ...Object.keys(IN_C[name]![1])].sort(), Object.keys(layout).sort(), name);
  }
});

Deno.test("fields are inside of their structure and do not overlap", () => {
  for (const [name, { size, ...fields }] of Object.entries(LAYOUTS)) {
    const offsets = Object.values(fields);
    assertEquals(new Set(offsets).size, offsets.length, name);
    for (const offset of offsets) assert(Number.isInteger(offset) && offset >= 0 && offset < size, name);
  }
});

Deno.test("epoll_event is packed on x86-64, and aligned on aarch64", () => {
  assertEquals(structs.EPOLL_EVENT, {
    size: Deno.build.arch === "x86_64" ? 12 : 16,
    events: 0,
    data: Deno.build.arch === "x86_64" ? 4 : 8,
  });
});

Deno.test("sizes and offsets equal those of the C compiler", async () => {
  const expressions: string[] = [];
  const ours: [what: string, value: number][] = [];
  for (const [name, layout] of Object.entries(LAYOUTS)) {
    const [type, fields] = IN_C[name]!;
    expressions.push(`sizeof(${type})`);
    ours.push([`size of ${name}`, layout.size]);
    for (const [field, fieldInC] of Object.entries(fields)) {
      expressions.push(`offsetof(${type}, ${fieldInC})`);
      ours.push([`${name}.${field}`, layout[field]!]);
    }
  }
  const values = await evaluateInC(HEADERS, expressions);
  if (values === null) return;
  values.forEach((value, i) => assertEquals(ours[i]![1], Number(value), ours[i]![0]));
});
