/**
 * The constants of io_uring that epollet uses, under their C names.
 *
 * Source: io_uring_setup(2), io_uring_enter(2), io_uring_register(2), `linux/io_uring.h`, `asm-generic/unistd.h`.
 * `tests/ffi/ffi_constants_test.ts` compares them with a C compiler's.
 * @module
 */

// The numbers are the same on all architectures.
export const SYS_io_uring_setup = 425;
export const SYS_io_uring_enter = 426;
export const SYS_io_uring_register = 427;

// io_uring_setup(2)
/** The parameters name the size of the completion queue. */
export const IORING_SETUP_CQSIZE = 0x8;
/** The ring accepts no requests before IORING_REGISTER_ENABLE_RINGS. */
export const IORING_SETUP_R_DISABLED = 0x40;
/** Completions do not interrupt the thread; they are made in its next system call. Since Linux 5.19. */
export const IORING_SETUP_COOP_TASKRUN = 0x100;
/** Both queues are in one mapping. Since Linux 5.4. */
export const IORING_FEAT_SINGLE_MMAP = 0x1;
/** A completion that the queue has no room for is kept by the kernel. Since Linux 5.5. */
export const IORING_FEAT_NODROP = 0x2;
/** io_uring_enter(2) takes a timeout. Since Linux 5.11. */
export const IORING_FEAT_EXT_ARG = 0x100;
/** Registered resources have tags. Appeared in Linux 5.13, together with requests that complete several times. */
export const IORING_FEAT_RSRC_TAGS = 0x400;
/** Requests can leave out the completion of a success. Since Linux 5.17. */
export const IORING_FEAT_CQE_SKIP = 0x800;
/** Offsets for mmap(2). */
export const IORING_OFF_SQ_RING = 0;
export const IORING_OFF_SQES = 0x1000_0000;

// io_uring_enter(2)
export const IORING_ENTER_GETEVENTS = 0x1;
export const IORING_ENTER_EXT_ARG = 0x8;
/** A flag of a request: there is no completion if it succeeds. */
export const IOSQE_CQE_SKIP_SUCCESS = 0x40;
/** A flag of a completion: the request stays active, and will complete again. */
export const IORING_CQE_F_MORE = 0x2;
/** Completes when a descriptor is ready. The field `op_flags` has the POLL… bits. */
export const IORING_OP_POLL_ADD = 6;
/** Ends the request whose user data are in the field `addr`. */
export const IORING_OP_ASYNC_CANCEL = 14;
/** In the field `len` of IORING_OP_POLL_ADD: completes each time that the readiness changes. Since Linux 5.13. */
export const IORING_POLL_ADD_MULTI = 0x1;

// io_uring_register(2)
export const IORING_REGISTER_RESTRICTIONS = 11;
export const IORING_REGISTER_ENABLE_RINGS = 12;
/** A restriction: permits an operation. */
export const IORING_RESTRICTION_SQE_OP = 1;
/** A restriction: permits flags of requests. */
export const IORING_RESTRICTION_SQE_FLAGS_ALLOWED = 2;
