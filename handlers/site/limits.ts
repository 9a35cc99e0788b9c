/**
 * The bounds of a site: its cache, what is made of its files, its passwords, rules and listings: a part of `limits.ts`, by
 * which they are imported.
 * @module
 */

const KIB = 1024;
const MIB = 1024 * KIB;

// The file cache

/** Files up to this size are kept in memory; larger ones go out by sendfile(2). --cache-file-size changes it. */
export const CACHED_FILE_BYTES_MAX: number = MIB;
/** Everything that the cache holds. --cache-size changes it. */
export const CACHE_BYTES_MAX: number = 256 * MIB;
/** What a resource costs beside its bytes. */
export const RESOURCE_OVERHEAD_BYTES = 2048;
/** An entry that is watched is looked at all the same, this often: not everything causes an event. */
export const CACHE_RECHECK_SECONDS = 1;
/** Of the descriptors that a process may have, one in so many is a root's at most: others are opened when they are used. */
export const DESCRIPTORS_PER_OPEN_ROOT = 4;
/** Reads of queued events in one turn; when more are there, everything is forgotten instead. */
export const EVENT_READS_MAX = 64;
/** Of a file that is sent, at its beginning and at its end: by these bytes one that grows is told from one that is rewritten. */
export const SAMPLE_BYTES = 4096;
/** Directories with more names are not listed in memory: what is missing there is asked of the kernel. */
export const LISTED_NAMES_OF_DIRECTORY_MAX: number = 16 * KIB;
/** Directories that are remembered for not being listed. */
export const LARGE_DIRECTORIES_MAX = 4096;
/** All names that are listed in memory; what is missing in further directories is asked of the kernel, too. */
export const LISTED_NAMES_MAX: number = 128 * KIB;
/** Directories whose names are remembered where the file system does not compare bytes. */
export const LISTED_DIRECTORIES_MAX = 4096;
/** What a directory did not list is not looked for again so soon, unless the directory's state shows a change. */
export const UNLISTED_NAMES_TRUSTED_MS = 1000;
/**
 * A file that is not watched and changed so recently is not kept: a second write within the same tick of the file
 * system's clock would leave its times as they are. Two seconds is the coarsest tick in use (FAT).
 */
export const CACHE_SETTLE_SECONDS = 2;

// What is made of files

/** Files that are not kept in memory and larger than this get their tag when it is ready; others wait for it. */
export const DIGESTED_WHILE_WAITING_BYTES_MAX: number = 64 * MIB;
/** Such files that clients wait for at the same time, one after the other; others get their tags later. */
export const DIGESTS_AWAITED_BYTES_MAX: number = 256 * MIB;
/** Larger files have a tag of size and time: to read them once would keep disk and processor busy for too long. */
export const DIGESTED_BYTES_MAX: number = 1024 * MIB;
/** Between two slices of a file for whose tag no response waits: it takes a fifteenth of a processor. */
export const DIGEST_PAUSE_MS = 10;
/** What is read and digested between two turns of others: 0.6 ms. */
export const DIGEST_SLICE_BYTES: number = MIB;
/** Tags of files that are not in memory. */
export const DIGESTED_FILES_MAX = 4096;
/** Shorter files are not compressed: they fit into one packet anyway. */
export const COMPRESSED_BYTES_MIN: number = KIB;
/** Larger ones are not, either: a client waits for it, behind {@linkcode COMPRESSIONS_MAX} others at worst. */
export const COMPRESSED_BYTES_MAX: number = 8 * MIB;
/** What is compressed between two turns of others: 3 ms at worst. */
export const COMPRESSION_SLICE_BYTES: number = 64 * KIB;
/** By how much a compressed form beside a file may be older than it: a folder is not copied in one moment. */
export const PRECOMPRESSED_LAG_MS_MAX = 1000;
/** Compressed forms of a site of which it is said that they are older than their files. */
export const STALE_FORMS_TOLD_MAX = 100;
/** Names in a root that are looked through for such forms at the start (`-v`) and by `--check`. */
export const STALE_FORMS_NAMES_MAX = 16_384;
/** Files that wait to be compressed; while there are more, what else is asked for goes out as it is. */
export const COMPRESSIONS_MAX = 16;
/** Of a file that goes out in several parts, what is read at a time. */
export const STREAM_READ_BYTES: number = 64 * KIB;

// Passwords

/** What trying one password may take, at least and at most: 128 N r of scrypt. A hash that asks for more is none. */
export const PASSWORD_HASH_MEMORY_BYTES_MIN: number = MIB;
/** See {@linkcode PASSWORD_HASH_MEMORY_BYTES_MIN}. */
export const PASSWORD_HASH_MEMORY_BYTES_MAX: number = 64 * MIB;
/** What trying one password may write: 128 N r p of scrypt. */
export const PASSWORD_HASH_WORK_BYTES_MAX: number = 256 * MIB;
/** Passwords that are tried at the same time, each on a thread of its own: the loop needs a processor, too. */
export const PASSWORD_CHECKS_AT_ONCE_MAX = 1;
/** Passwords of one network (see `HandlerContext.networkOf`) that wait for that. Past it: 503. */
export const PASSWORD_CHECKS_WAITING_MAX = 32;
/** Those of all networks; then a network gives up a place to one that has fewer: 503 for the one that came last. */
export const PASSWORD_CHECKS_WAITING_TOTAL_MAX = 256;

// Across origins

/** The names of fields that a page of another origin wants to send. Longer lists are not allowed. */
export const CORS_REQUESTED_FIELDS_BYTES_MAX: number = KIB;

// Patterns

/** What the braces of one pattern expand to. */
export const GLOB_ALTERNATIVES_MAX = 256;
/** All alternatives of one pattern together; a path is matched in at most as many steps for each of its characters. */
export const GLOB_EXPANDED_CHARACTERS_MAX = 4096;
/** `*` and `**` in one alternative: each takes a row of memory as long as the path. */
export const GLOB_WILDCARDS_MAX = 32;

// Listings of directories

/** Names that are read of one directory. Past it: the others are left out, and the listing says so. */
export const LISTING_ENTRIES_MAX = 1_000_000;
/** What one page of a listing shows. */
export const LISTING_PAGE_ENTRIES_MAX = 500;
/** A listing that takes longer is made in slices of this time, between which others are served. */
export const LISTING_SLICE_MS = 8;
/** Steps of a listing that is short, and waits for no longer one. A directory of 500 names takes some 30. */
export const LISTING_SHORT_STEPS = 32;
/** Steps of one that is not long, and waits for no long one: up to some 15,000 names. */
export const LISTING_MEDIUM_STEPS = 512;
/** Listings that are not short, and as many long ones, that take turns, and hold in memory what they have read. */
export const LISTINGS_AT_WORK_MAX = 4;
/** Listings that wait for their turn, long ones and short ones. Past it: 503. */
export const LISTINGS_WAITING_MAX = 256;
/** Names that are remembered, sorted, of large directories between two requests. */
export const LISTING_REMEMBERED_ENTRIES_MAX = 1_000_000;
/** Directories with fewer names are read anew for each request. */
export const LISTING_LARGE_ENTRIES_MIN = 1000;
