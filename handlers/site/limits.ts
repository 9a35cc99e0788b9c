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

// Files that are kept after they went

/** Bytes of all files that are held to be kept. --keep-assets-size changes it. */
export const KEPT_BYTES_MAX: number = 64 * MIB;
/** At most one in so many of the process' descriptors, and no more than the next number, is for files to be kept. */
export const DESCRIPTORS_PER_KEPT_FILE = 8;
export const KEPT_DESCRIPTORS_MAX = 1024;
/** Files that are held, by descriptors or in memory. */
export const KEPT_FILES_MAX = 4096;
/** Directories of one root that are kept open after the root has led to another one. */
export const KEPT_DIRECTORIES_MAX = 8;
/** How often it is looked which files have gone and which are new: eight times in the time for which they are kept. */
export const KEPT_LOOK_MS_MIN = 200;
export const KEPT_LOOK_MS_MAX = 15_000;
/** The length of a slice of such a look, and the pause before the next one. */
export const KEPT_SLICE_MS = 4;
export const KEPT_PAUSE_MS = 20;
/** Names that one look for new files reads. */
export const KEPT_NAMES_MAX: number = 64 * KIB;
/** Files without room in one look for new files. After so many it ends. */
export const KEPT_REFUSALS_MAX = 64;
/** Resources in a second that are ended because their file is no longer held. */
export const KEPT_ENDS_PER_SECOND_MAX = 32;

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
/** With a smaller cache nothing is compressed again: the thread takes some 40 MiB, which is much beside such a cache. */
export const STRONGEST_CACHE_BYTES_MIN: number = 64 * MIB;
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
/** Bytes of a README that are shown below a listing. */
export const LISTING_README_BYTES_MAX: number = 64 * KIB;
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

// Archives of folders

/** Bytes of the files in one archive, before they are compressed. --archive-size changes it. */
export const FOLDER_BYTES_MAX: number = 4 * 1024 * MIB;
/** Files and directories in one archive. Their names are in memory while it is sent. */
export const FOLDER_ENTRIES_MAX = 250_000;
/** Archives that are sent at the same time. More get 503. */
export const FOLDERS_AT_ONCE_MAX = 8;
/** Archives that are sent to one network (see `HandlerContext.networkOf`) at the same time. More get 503. */
export const FOLDERS_OF_NETWORK_MAX = 4;
/** Bytes that are compressed by one call, which takes 2 ms. A stored block of deflate has no more than 65,535. */
export const FOLDER_PIECE_BYTES: number = 60 * KIB;
/** Bytes of an archive that are made for each read of the client's. */
export const FOLDER_CHUNK_BYTES: number = 256 * KIB;
/** How long an archive is worked on before other requests are answered. */
export const FOLDER_SLICE_MS = 8;
/** A file up to this size is read whole before its first byte is sent. A larger one is sent while it is read. */
export const FOLDER_WHOLE_BYTES_MAX: number = 4 * MIB;
/** How often a file or a directory is read that changes meanwhile. */
export const FOLDER_READS_MAX = 3;
/** How long an archive waits for a descriptor before it is cut off. */
export const FOLDER_WAIT_MS_MAX = 10_000;
/** The pause between two attempts to get a descriptor. */
export const FOLDER_PAUSE_MS = 100;
/** Names in the note about files that an archive lacks. Of others it has the number. */
export const FOLDER_NOTE_NAMES_MAX = 1000;

// --live

/** Redirects that are followed to find out what a URL depends on. */
export const REDIRECTS_FOLLOWED_MAX = 5;
/** URLs whose files are watched for `--live`. Beyond it, the URL that was first asked for is forgotten. */
export const LIVE_URLS_MAX = 16_384;
/** URLs of one page that are compared. */
export const LIVE_PAGE_URLS_MAX = 10_000;
/** Bytes of a page's list of its URLs. */
export const LIVE_QUESTION_BYTES_MAX: number = MIB;
/** Event streams for `--live`. Beyond it, the oldest one ends. */
export const LIVE_STREAMS_MAX = 256;
/**
 * For this long, a file that is open for writing holds back a reload for changes of other files. A file that stays open
 * for longer, such as a log, is reported once it is closed.
 */
export const LIVE_WRITING_MS_MAX = 2000;
/** Pages whose missing resources are listed, and resources of one page. */
export const LIVE_MISSING_PAGES_MAX = 256;
export const LIVE_MISSING_OF_PAGE_MAX = 100;
/** Bytes of the largest page that gets the script. */
export const LIVE_PAGE_BYTES_MAX: number = 64 * MIB;
/** Bytes at the beginning of a page in which a policy (`<meta http-equiv>`) is looked for. */
export const LIVE_POLICY_BYTES_MAX: number = 64 * KIB;
