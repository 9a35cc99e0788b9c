/**
 * The C constants that epollet uses, under their C names, with the values of the Linux kernel's user API. Values that
 * differ between x86-64 and aarch64 are chosen here.
 *
 * Source: `asm-generic/fcntl.h`, `asm/fcntl.h`, `asm-generic/socket.h`, `linux/stat.h`,
 * `linux/openat2.h`, `linux/inotify.h`, `linux/magic.h`, `linux/fs.h`, `linux/limits.h`,
 * `linux/landlock.h`, `linux/prctl.h`, `linux/tls.h`. `tests/ffi/ffi_constants_test.ts` compares them with a C compiler's.
 * @module
 */

/** True on aarch64. The only other supported architecture is x86-64. */
export const IS_AARCH64: boolean = Deno.build.arch === "aarch64";

// open(2), openat2(2)
export const O_RDONLY = 0;
export const O_WRONLY = 0x1;
export const O_RDWR = 0x2;
export const O_ACCMODE = 0x3;
export const O_CREAT = 0x40;
export const O_EXCL = 0x80;
export const O_NOCTTY = 0x100;
export const O_APPEND = 0x400;
export const O_NONBLOCK = 0x800;
export const O_DIRECTORY: number = IS_AARCH64 ? 0x4000 : 0x10000;
export const O_NOFOLLOW: number = IS_AARCH64 ? 0x8000 : 0x20000;
export const O_CLOEXEC = 0x80000;
export const O_PATH = 0x200000;
export const AT_FDCWD = -100;
export const AT_EMPTY_PATH = 0x1000;
export const AT_SYMLINK_NOFOLLOW = 0x100;
/** unlinkat(2): removes a directory. */
export const AT_REMOVEDIR = 0x200;
export const AT_STATX_SYNC_AS_STAT = 0;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const SYS_openat2 = 437;
// pidfd_open(2)
export const SYS_pidfd_open = 434;
/** The number of fstatat(2), which glibc exports as a function only since 2.33. */
export const SYS_newfstatat: number = IS_AARCH64 ? 79 : 262;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
/** renameat2(2): fails with EEXIST if the new name is taken. */
export const RENAME_NOREPLACE = 1;
export const SYS_renameat2: number = IS_AARCH64 ? 276 : 316;

// elf(5)
export const EM_X86_64 = 62;
export const EM_AARCH64 = 183;

// statx(2), inode(7)
export const STATX_BASIC_STATS = 0x7ff;
export const STATX_MNT_ID = 0x1000;
export const S_IFMT = 0o170000;
export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;

// socket(7), ip(7), ipv6(7), netdevice(7), tcp(7), unix(7)
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const IFF_UP = 1;
export const IFF_LOOPBACK = 8;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
/** The type of a socket, such as SOCK_STREAM. */
export const SO_TYPE = 3;
export const SO_KEEPALIVE = 9;
/** What close(2) does with bytes that are not acknowledged yet. */
export const SO_LINGER = 13;
/** Lets several sockets listen on one address. The kernel gives each client to one of them. */
export const SO_REUSEPORT = 15;
/** Whether a socket listens. */
export const SO_ACCEPTCONN = 30;
/** The address family of a socket, such as AF_UNIX. */
export const SO_DOMAIN = 39;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
/** The limit of unsent bytes above which a socket is not writable. tcp(7) */
export const TCP_NOTSENT_LOWAT = 25;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_DEFER_ACCEPT = 9;
export const TCP_INFO = 11;
/** Puts a layer on top of TCP, such as `tls`. */
export const TCP_ULP = 31;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
/** ioctl(2): bytes of a socket that are not sent or not acknowledged yet. tcp(7) */
export const SIOCOUTQ = 0x5411;
/** Sends or receives a byte of urgent data. */
export const MSG_OOB = 0x1;
export const MSG_PEEK = 0x2;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_MORE = 0x8000;
export const SHUT_WR = 1;

// linux/tls.h: TLS by the kernel
export const SOL_TLS = 282;
/** The keys for sending. */
export const TLS_TX = 1;
/** The control message of sendmsg(2) with a record's type. */
export const TLS_SET_RECORD_TYPE = 1;
export const TLS_1_2_VERSION = 0x0303;
export const TLS_1_3_VERSION = 0x0304;
export const TLS_CIPHER_AES_GCM_128 = 51;
export const TLS_CIPHER_AES_GCM_256 = 52;
export const TLS_CIPHER_CHACHA20_POLY1305 = 54;

// inotify(7)
export const IN_NONBLOCK = 0x800;
export const IN_CLOEXEC = 0x80000;
export const IN_MODIFY = 0x2;
export const IN_ATTRIB = 0x4;
export const IN_CLOSE_WRITE = 0x8;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_DELETE_SELF = 0x400;
export const IN_MOVE_SELF = 0x800;
export const IN_UNMOUNT = 0x2000;
export const IN_Q_OVERFLOW = 0x4000;
export const IN_IGNORED = 0x8000;
export const IN_ISDIR = 0x40000000;
export const IN_ONLYDIR = 0x1000000;

// statfs(2), ioctl_iflags(2)
export const EXT4_SUPER_MAGIC = 0xef53;
export const XFS_SUPER_MAGIC = 0x58465342;
export const BTRFS_SUPER_MAGIC = 0x9123683e;
export const F2FS_SUPER_MAGIC = 0xf2f52010;
export const TMPFS_MAGIC = 0x01021994;
export const RAMFS_MAGIC = 0x858458f6;
export const SQUASHFS_MAGIC = 0x73717368;
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630;
export const EROFS_SUPER_MAGIC_V1 = 0xe0f5e1e2;
export const FS_IOC_GETFLAGS = 0x80086601;
/** Makes a file share the blocks of another one until either is written to (ioctl_ficlonerange(2)). */
export const FICLONE = 0x40049409;
export const FS_CASEFOLD_FL = 0x40000000;

// pipe(7), stdout(3)
/** The number of bytes that a writable pipe accepts at once. */
export const PIPE_BUF = 4096;
export const STDOUT_FILENO = 1;
export const STDERR_FILENO = 2;

// signal(7), getrlimit(2), fcntl(2)
export const SIGHUP = 1;
export const SIGINT = 2;
export const SIGKILL = 9;
export const SIGUSR1 = 10;
export const SIGUSR2 = 12;
export const SIGPIPE = 13;
export const SIGTERM = 15;
export const SIG_IGN = 1n;
export const RLIMIT_NOFILE = 7;
export const AT_SECURE = 23n;
export const F_GETFD = 1;
export const F_DUPFD_CLOEXEC = 1030;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_ADD_SEALS = 1033;
export const F_SEAL_SEAL = 0x1;
export const F_SEAL_SHRINK = 0x2;
export const F_SEAL_GROW = 0x4;
export const F_SEAL_WRITE = 0x8;
export const FD_CLOEXEC = 1;
export const WNOHANG = 1;
export const SIG_BLOCK = 0;
export const SFD_NONBLOCK = 0x800;
export const SFD_CLOEXEC = 0x80000;

// clock_gettime(2), getrusage(2), lseek(2)
export const CLOCK_MONOTONIC = 1;
export const RUSAGE_SELF = 0;
export const SEEK_SET = 0;

// access(2), prctl(2)
export const X_OK = 1;
export const W_OK = 2;
export const R_OK = 4;
export const PR_SET_PDEATHSIG = 1;
export const PR_SET_DUMPABLE = 4;
export const PR_SET_NO_NEW_PRIVS = 38;

// capabilities(7), capget(2)
export const PR_CAP_AMBIENT = 47;
export const PR_CAP_AMBIENT_IS_SET = 1;
export const PR_CAP_AMBIENT_RAISE = 2;
export const PR_CAP_AMBIENT_LOWER = 3;
export const CAP_NET_BIND_SERVICE = 10;
export const _LINUX_CAPABILITY_VERSION_3 = 0x20080522;

// memfd_create(2), mmap(2)
export const MFD_CLOEXEC = 0x1;
export const MFD_ALLOW_SEALING = 0x2;
export const PROT_READ = 0x1;
export const PROT_WRITE = 0x2;
export const MAP_SHARED = 0x1;
export const MAP_PRIVATE = 0x2;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_POPULATE = 0x8000;

// mallopt(3)
export const M_MMAP_THRESHOLD = -3;
export const M_MMAP_MAX = -4;

// landlock(7)
export const SYS_landlock_create_ruleset = 444;
export const SYS_landlock_add_rule = 445;
export const SYS_landlock_restrict_self = 446;
export const LANDLOCK_CREATE_RULESET_VERSION = 0x1;
export const LANDLOCK_RULE_PATH_BENEATH = 1;
export const LANDLOCK_ACCESS_FS_EXECUTE = 0x1;
export const LANDLOCK_ACCESS_FS_WRITE_FILE = 0x2;
export const LANDLOCK_ACCESS_FS_READ_FILE = 0x4;
export const LANDLOCK_ACCESS_FS_READ_DIR = 0x8;
export const LANDLOCK_ACCESS_FS_REMOVE_DIR = 0x10;
export const LANDLOCK_ACCESS_FS_REMOVE_FILE = 0x20;
export const LANDLOCK_ACCESS_FS_MAKE_CHAR = 0x40;
export const LANDLOCK_ACCESS_FS_MAKE_DIR = 0x80;
export const LANDLOCK_ACCESS_FS_MAKE_REG = 0x100;
export const LANDLOCK_ACCESS_FS_MAKE_SOCK = 0x200;
export const LANDLOCK_ACCESS_FS_MAKE_FIFO = 0x400;
export const LANDLOCK_ACCESS_FS_MAKE_BLOCK = 0x800;
export const LANDLOCK_ACCESS_FS_MAKE_SYM = 0x1000;
export const LANDLOCK_ACCESS_FS_REFER = 0x2000;
export const LANDLOCK_ACCESS_FS_TRUNCATE = 0x4000;
export const LANDLOCK_ACCESS_FS_IOCTL_DEV = 0x8000;
export const LANDLOCK_ACCESS_NET_BIND_TCP = 0x1;
export const LANDLOCK_ACCESS_NET_CONNECT_TCP = 0x2;
export const LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET = 0x1;
export const LANDLOCK_SCOPE_SIGNAL = 0x2;
