/**
 * Creates an io_uring, restricts it to some operations, and maps its memory.
 *
 * Source: io_uring(7), io_uring_setup(2), io_uring_register(2), `linux/io_uring.h`.
 * @module
 */
import { readProcFile } from "../file/proc_file.ts";
import { MAP_POPULATE, MAP_SHARED, PROT_READ, PROT_WRITE } from "../libc/constants.ts";
import { EINVAL, ENOSYS, EPERM, orThrow, SystemError } from "../libc/errno.ts";
import { libc, loadLibc, result } from "../libc/libc.ts";
import {
  IO_CQRING_OFFSETS,
  IO_SQRING_OFFSETS,
  IO_URING_CQE,
  IO_URING_PARAMS,
  IO_URING_RESTRICTION,
  IO_URING_SQE,
} from "../libc/structs.ts";
import * as C from "./constants.ts";

/** What a ring may be used for. The kernel refuses everything else, also if it is asked later. */
export interface Permitted {
  /** The operations: IORING_OP_… */
  readonly operations: readonly number[];
  /** The flags of requests: a combination of IOSQE_… */
  readonly flags: number;
}

/** The size of a ring, and what it may be used for. */
export interface RingOptions {
  /** The length of the submission queue: a power of two, at most 32,768. */
  readonly entries: number;
  /** The length of the completion queue: a power of two, at least `entries`, at most 65,536. */
  readonly completions: number;
  /** Null permits everything. */
  readonly permitted: Permitted | null;
}

/** Memory that is shared with the kernel. Views of it must not be used after it was unmapped. */
export interface Mapping {
  readonly address: bigint;
  readonly bytes: number;
  readonly words: Int32Array<ArrayBuffer>;
}

/** A new ring. */
export interface RingParts {
  readonly fd: number;
  /** The kernel's abilities: a combination of IORING_FEAT_… */
  readonly features: number;
  /** The two queues. */
  readonly queues: Mapping;
  /** The requests that the submission queue refers to. */
  readonly entries: Mapping;
  /** The kernel's answer: struct io_uring_params. */
  readonly params: DataView;
}

const INTENT = "create an io_uring";
const TOO_OLD = "Linux 5.13 or newer is needed; choose another poller";
/** Requests complete several times, a wait has a timeout, no completion is dropped, and one mapping is enough. */
const FEATURES_NEEDED = C.IORING_FEAT_SINGLE_MMAP | C.IORING_FEAT_NODROP | C.IORING_FEAT_EXT_ARG |
  C.IORING_FEAT_RSRC_TAGS;
/**
 * A completion that is due waits until the thread makes its next system call, instead of interrupting it. Kernels before
 * 5.19 refuse that. IORING_SETUP_DEFER_TASKRUN would save a little more, but then completions that are due do not make
 * the descriptor readable, and a wait on another thread (`pollParked`) would sleep on.
 */
const MODES = [C.IORING_SETUP_COOP_TASKRUN, 0] as const;

/**
 * Creates a ring, for use by the calling thread. Programs that the process starts do not inherit its
 * descriptor.
 * @throws {SystemError} when the kernel refuses it: ENOSYS: it is too old; EPERM: a setting or a filter of system
 * calls refuses it; EMFILE, ENFILE, ENOMEM. The message says what to do.
 */
export function setUpRing(options: RingOptions): RingParts {
  loadLibc();
  const params = new Uint8Array(128);
  const view = new DataView(params.buffer);
  let fd = -EINVAL;
  for (const mode of MODES) {
    params.fill(0);
    view.setUint32(IO_URING_PARAMS.cq_entries, options.completions, true);
    view.setUint32(IO_URING_PARAMS.flags, mode | C.IORING_SETUP_CQSIZE | C.IORING_SETUP_R_DISABLED, true);
    fd = result(libc.syscall_io_uring_setup(C.SYS_io_uring_setup, options.entries, params));
    if (fd !== -EINVAL) break;
  }
  if (fd < 0) throw refusal(-fd);
  const mappings: Mapping[] = [];
  try {
    const features = view.getUint32(IO_URING_PARAMS.features, true);
    if ((features & FEATURES_NEEDED) !== FEATURES_NEEDED) throw refusal(ENOSYS);
    if (options.permitted !== null) restrict(fd, options.permitted);
    orThrow(register(fd, C.IORING_REGISTER_ENABLE_RINGS, null, 0), INTENT, "io_uring_register");
    const queueBytes = Math.max(
      view.getUint32(IO_URING_PARAMS.sq_off + IO_SQRING_OFFSETS.array, true) +
        view.getUint32(IO_URING_PARAMS.sq_entries, true) * 4,
      view.getUint32(IO_URING_PARAMS.cq_off + IO_CQRING_OFFSETS.cqes, true) +
        view.getUint32(IO_URING_PARAMS.cq_entries, true) * IO_URING_CQE.size,
    );
    mappings.push(map(fd, C.IORING_OFF_SQ_RING, queueBytes));
    const entryBytes = view.getUint32(IO_URING_PARAMS.sq_entries, true) * IO_URING_SQE.size;
    mappings.push(map(fd, C.IORING_OFF_SQES, entryBytes));
    return { fd, features, queues: mappings[0]!, entries: mappings[1]!, params: view };
  } catch (error) {
    for (const mapping of mappings) unmap(mapping);
    libc.close(fd);
    throw error;
  }
}

/** Calls io_uring_register(2): ≥ 0 or −errno. */
export function register(
  fd: number,
  operation: number,
  argument: Uint8Array<ArrayBuffer> | null,
  count: number,
): number {
  return result(libc.syscall_io_uring_register(C.SYS_io_uring_register, fd, operation, argument, count));
}

/** Gives the memory of a mapping back. */
export function unmap({ address, bytes }: Mapping): void {
  libc.munmap(address, BigInt(bytes));
}

function map(fd: number, offset: number, bytes: number): Mapping {
  const flags = MAP_SHARED | MAP_POPULATE;
  const address = libc.mmap(0n, BigInt(bytes), PROT_READ | PROT_WRITE, flags, fd, BigInt(offset));
  orThrow(address === -1n ? result(-1) : 0, INTENT, "mmap");
  const pointer = Deno.UnsafePointer.create(address)!;
  const words = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(pointer, bytes));
  return { address, bytes, words };
}

function restrict(fd: number, { operations, flags }: Permitted): void {
  const rows = [
    ...operations.map((operation) => [C.IORING_RESTRICTION_SQE_OP, operation] as const),
    [C.IORING_RESTRICTION_SQE_FLAGS_ALLOWED, flags] as const,
  ];
  const bytes = new Uint8Array(rows.length * IO_URING_RESTRICTION.size);
  const view = new DataView(bytes.buffer);
  for (const [i, [kind, operand]] of rows.entries()) {
    view.setUint16(i * IO_URING_RESTRICTION.size + IO_URING_RESTRICTION.opcode, kind, true);
    view.setUint8(i * IO_URING_RESTRICTION.size + IO_URING_RESTRICTION.operand, operand);
  }
  const status = register(fd, C.IORING_REGISTER_RESTRICTIONS, bytes, rows.length);
  orThrow(status, "restrict an io_uring", "io_uring_register");
}

/** Returns the error of io_uring_setup(2), with advice. */
function refusal(errno: number): SystemError {
  if (errno === EINVAL || errno === ENOSYS) return new SystemError(INTENT, "io_uring_setup", ENOSYS, TOO_OLD);
  return new SystemError(INTENT, "io_uring_setup", errno, errno === EPERM ? adviceOnPermission() : "");
}

function adviceOnPermission(): string {
  const path = "/proc/sys/kernel/io_uring_disabled";
  let setting = "";
  try {
    setting = new TextDecoder().decode(readProcFile(path)).trim();
  } catch {
    // Kernels before 6.6 do not have this setting.
  }
  if (setting === "1" || setting === "2") {
    return `the setting kernel.io_uring_disabled is ${setting}; set it to 0 by sysctl, or choose another poller`;
  }
  return "a filter of system calls refuses it, as those of Docker and containerd do; permit it there, or choose another poller";
}
