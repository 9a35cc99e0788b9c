/**
 * The bounds of a site: its cache, the forms and tags of its files, its passwords, rules and listings.
 * @module
 */

const KIB = 1024;
const MIB = 1024 * KIB;

// The file cache

/** Files up to this size are kept in memory; larger ones go out by sendfile(2). --cache-file-size changes it. */
export const CACHED_FILE_BYTES_MAX: number = MIB;
/** Bytes of everything in the cache. --cache-size changes it. */
export const CACHE_BYTES_MAX: number = 256 * MIB;
/** The memory that a resource is counted with, beside its bytes. */
export const RESOURCE_OVERHEAD_BYTES = 2048;
/** How often a watched file is checked, although it is watched: not every change causes an event. */
export const CACHE_RECHECK_SECONDS = 1;
/** At most one in so many of the process' descriptors is for a root. Further roots are opened when they are used. */
export const DESCRIPTORS_PER_OPEN_ROOT = 4;
/** Reads of queued inotify events in one turn. When there are more, all watches are set up anew instead. */
export const EVENT_READS_MAX = 64;
/** Bytes at the beginning and at the end of a file that is sent. They are compared to tell growth from a rewrite. */
export const SAMPLE_BYTES = 4096;
/**
 * Names of a directory that are kept in memory. A larger directory is not kept: each missing file costs a system call.
 */
export const LISTED_NAMES_OF_DIRECTORY_MAX: number = 16 * KIB;
/** Directories that are remembered as too large. */
export const LARGE_DIRECTORIES_MAX = 4096;
/** Names of all directories that are kept in memory. Further directories are not kept. */
export const LISTED_NAMES_MAX: number = 128 * KIB;
/** Directories whose names are remembered on file systems that do not compare bytes. */
export const LISTED_DIRECTORIES_MAX = 4096;
/** How long a name that a directory did not list counts as missing, while the directory's status does not change. */
export const UNLISTED_NAMES_TRUSTED_MS = 1000;
/**
 * A file that is not watched and has changed less than this ago is not cached: a second write within the same tick of
 * the file system's clock would leave its times the same. Two seconds is the coarsest tick in use (FAT).
 */
export const CACHE_SETTLE_SECONDS = 2;

// Tags and compressed forms

/**
 * Uncached files above this size are sent without an ETag until their digest is known. For smaller ones the response
 * waits for it.
 */
export const DIGESTED_WHILE_WAITING_BYTES_MAX: number = 64 * MIB;
/** Bytes of all files whose digests responses wait for. Beyond it, files are sent without an ETag. */
export const DIGESTS_AWAITED_BYTES_MAX: number = 256 * MIB;
/** Larger files have a tag of size and time: computing a digest would occupy disk and processor for too long. */
export const DIGESTED_BYTES_MAX: number = 1024 * MIB;
/**
 * The pause between two slices of a digest that no response waits for. It leaves the digest a fifteenth of a processor.
 */
export const DIGEST_PAUSE_MS = 10;
/** Bytes that are read and digested in one slice, which takes 0.6 ms. */
export const DIGEST_SLICE_BYTES: number = MIB;
/** Digests of uncached files that are remembered. */
export const DIGESTED_FILES_MAX = 4096;
/** Smaller files are not compressed: they fit into one packet. */
export const COMPRESSED_BYTES_MIN: number = KIB;
/** Larger files are not compressed: the client waits for it, at worst behind {@linkcode COMPRESSIONS_MAX} others. */
export const COMPRESSED_BYTES_MAX: number = 8 * MIB;
/** Bytes that are compressed in one slice, which takes 3 ms at worst. */
export const COMPRESSION_SLICE_BYTES: number = 64 * KIB;
/**
 * Larger files are not compressed again at the strongest level: that takes some two seconds of processor time per MiB.
 */
export const STRONGEST_BYTES_MAX: number = 4 * MIB;
/** Compressed forms that wait for the strongest level. Further ones stay as they are. */
export const STRONGEST_WAITING_MAX = 1024;
/** The processor time that the strongest level takes at once. It comes back by {@linkcode STRONGEST_CPU_SHARE}. */
export const STRONGEST_CPU_MS_MAX = 30_000;
/** The share of one processor that the strongest level takes in the long run. */
export const STRONGEST_CPU_SHARE = 0.05;
/** The process has little to do while it takes no more than this share of one processor. */
export const STRONGEST_IDLE_SHARE = 0.25;
/** How often it is looked whether the process has little to do. */
export const STRONGEST_LOOK_MS = 250;
/** The thread for the strongest levels ends after this time without work. */
export const COMPRESSION_THREAD_IDLE_MS = 1000;
/** How much older than its file a compressed form may be, since a folder is not copied in one moment. */
export const PRECOMPRESSED_LAG_MS_MAX = 1000;
/** Warnings for a site about compressed forms that are older than their files. */
export const STALE_FORMS_TOLD_MAX = 100;
/** Names in a root that are searched for such forms at the start (`-v`) and by `--check`. */
export const STALE_FORMS_NAMES_MAX = 16_384;
/** Files that wait to be compressed. Beyond it, files are sent uncompressed. */
export const COMPRESSIONS_MAX = 16;
/** Bytes of a file that are read at a time for a response with several ranges. */
export const STREAM_READ_BYTES: number = 64 * KIB;

// Passwords

/**
 * The least memory of a password check: 128 N r bytes (RFC 7914 §5). A hash that needs less is rejected as too weak.
 */
export const PASSWORD_HASH_MEMORY_BYTES_MIN: number = MIB;
/** The most memory of a password check. A hash that needs more is rejected. */
export const PASSWORD_HASH_MEMORY_BYTES_MAX: number = 64 * MIB;
/** The most bytes that a password check may write: 128 N r p. A hash that needs more is rejected. */
export const PASSWORD_HASH_WORK_BYTES_MAX: number = 256 * MIB;
/** Passwords that are checked at the same time, each on a thread of its own. The event loop needs a processor too. */
export const PASSWORD_CHECKS_AT_ONCE_MAX = 1;
/** Password checks of one network (see `HandlerContext.networkOf`) that wait. More get 503. */
export const PASSWORD_CHECKS_WAITING_MAX = 32;
/** Password checks of all networks that wait. Beyond it, the newest check of the network with most of them gets 503. */
export const PASSWORD_CHECKS_WAITING_TOTAL_MAX = 256;

// CORS

/** Bytes of Access-Control-Request-Headers. A longer list is not allowed. */
export const CORS_REQUESTED_FIELDS_BYTES_MAX: number = KIB;

// Patterns

/** Alternatives that the braces of one pattern expand to. */
export const GLOB_ALTERNATIVES_MAX = 256;
/** Characters of all alternatives of one pattern. Matching takes at most as many steps per character of the path. */
export const GLOB_EXPANDED_CHARACTERS_MAX = 4096;
/** `*` and `**` in one alternative. Each takes a row of memory as long as the path. */
export const GLOB_WILDCARDS_MAX = 32;

// Listings of directories

/** Names that are read from one directory. Further names are left out, and the listing says so. */
export const LISTING_ENTRIES_MAX = 1_000_000;
/** Entries on one page of a listing. */
export const LISTING_PAGE_ENTRIES_MAX = 500;
/**
 * The length of a time slice. A listing that takes longer is made in several, and other requests are served in between.
 */
export const LISTING_SLICE_MS = 8;
/** Steps of a short listing. It does not wait for longer ones. A directory of 500 names takes some 30 steps. */
export const LISTING_SHORT_STEPS = 32;
/** Steps of a medium listing, of up to some 15,000 names. It does not wait for long ones. */
export const LISTING_MEDIUM_STEPS = 512;
/** Medium listings that run in turn and hold in memory what they have read. As many long ones run beside them. */
export const LISTINGS_AT_WORK_MAX = 4;
/** Listings of any length that wait. More get 503. */
export const LISTINGS_WAITING_MAX = 256;
/** Sorted names of large directories that are remembered. */
export const LISTING_REMEMBERED_ENTRIES_MAX = 1_000_000;
/** Directories with fewer names are read anew for each request. */
export const LISTING_LARGE_ENTRIES_MIN = 1000;
