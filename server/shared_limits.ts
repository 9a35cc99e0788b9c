/**
 * The bounds of memory and open files for many clients and URLs at once. Import them from `limits.ts`.
 * @module
 */

const KIB = 1024;
const MIB = 1024 * KIB;

// What waits for clients

/**
 * The memory that bodies may take while they wait to be sent or received, beside what the cache keeps: of all clients
 * together, each buffer once. Over it: 503 for bodies that are large or streamed; a quarter above it, for all.
 */
export const HELD_BODY_BYTES_MAX: number = 128 * MIB;
/** The smallest share of that for files. It is a quarter of the cache size otherwise. */
export const HELD_FILE_BYTES_MIN: number = 16 * MIB;
/** The largest small body: most sockets accept it at once. */
export const HELD_BODY_SMALL_BYTES_MAX: number = 64 * KIB;
/** How long a streamed response pauses if there is no room, before it checks again. */
export const NO_ROOM_PAUSE_MS = 100;
/** The share of descriptors for files that are being sent: one in so many. Over it: 503. */
export const DESCRIPTORS_PER_OPEN_FILE = 4;

// Compressed forms

/** The cost of a compressed form, or another shared response, beside its bytes. */
export const FORM_OVERHEAD_BYTES: number = KIB;
/** The number of compressed forms that are known to have been evicted from the cache. */
export const FORMS_LEFT_MAX: number = 16 * KIB;
/** The largest of them that stays in memory beside the cache. */
export const FORM_LEFT_BYTES_MAX: number = 64 * KIB;
/** The greatest total of those. */
export const FORMS_LEFT_BYTES_MAX: number = MIB;
/** The time after which an evicted form is created again. */
export const FORMS_MADE_AGAIN_SECONDS = 600;

// Files that grow

/** The shortest interval at which a constantly growing file is digested or compressed. In between it has no ETag. */
export const GROWING_DIGEST_INTERVAL_MS = 1_000;
/** The size from which on files are checked for growing. Digesting a smaller file takes no longer than reading it. */
export const GROWING_FROM_BYTES: number = 64 * KIB;
/** The number of growing files in memory. */
export const GROWING_FILES_MAX = 1024;

// Listings

/** The number of listings in memory, and of those that clients wait for. */
export const LISTING_BODIES_MAX = 1024;
/** The total size of listings in memory. */
export const LISTING_BODIES_BYTES_MAX: number = 8 * MIB;
/** How long a sorted order of a directory (by size or time) is reused. */
export const LISTING_ORDER_MS = 1_000;
