/**
 * The bounds of what is in memory, or open, for many clients and URLs at once: a part of `limits.ts`, by which they are
 * imported.
 * @module
 */

const KIB = 1024;
const MIB = 1024 * KIB;

// What waits for clients

/**
 * What bodies may hold in memory while clients do not take or send them, beside what the cache keeps: all clients
 * together, and each body once. Past it: 503 for what is large or made while it is sent, and a quarter later for all.
 */
export const HELD_BODY_BYTES_MAX: number = 128 * MIB;
/** The program lets its files have a part of that: a quarter of what its cache may hold, but at least this. */
export const HELD_FILE_BYTES_MIN: number = 16 * MIB;
/** A body that is not large: most sockets take it at once. */
export const HELD_BODY_SMALL_BYTES_MAX: number = 64 * KIB;
/** How long a response that is made while it is sent pauses then, before it is looked again whether there is room. */
export const NO_ROOM_PAUSE_MS = 100;
/** Of all descriptors that a process may have, one in so many may be a file that is being sent. Past it: 503. */
export const DESCRIPTORS_PER_OPEN_FILE = 4;

// Compressed forms

/** What a compressed form, or another response that requests share, costs beside its bytes. */
export const FORM_OVERHEAD_BYTES: number = KIB;
/** Compressed forms that are remembered for having had to leave the cache. */
export const FORMS_LEFT_MAX: number = 16 * KIB;
/** Those of them that are not larger than this stay in memory beside the cache, */
export const FORM_LEFT_BYTES_MAX: number = 64 * KIB;
/** as many as are not larger together than this. */
export const FORMS_LEFT_BYTES_MAX: number = MIB;
/** Such a form is made again after so long. */
export const FORMS_MADE_AGAIN_SECONDS = 600;

// Files that grow

/** A file that grows all the time is digested, or compressed, so often at most. In between it has no tag. */
export const GROWING_DIGEST_INTERVAL_MS = 1_000;
/** Smaller files than that are not looked at for growing: to digest them takes no longer than to read them. */
export const GROWING_FROM_BYTES: number = 64 * KIB;
/** Files that are remembered for growing. */
export const GROWING_FILES_MAX = 1024;

// Listings

/** Listings that are remembered as they were sent, and that are known by their bytes as long as a client waits for one. */
export const LISTING_BODIES_MAX = 1024;
/** What those that are remembered take, together. */
export const LISTING_BODIES_BYTES_MAX: number = 8 * MIB;
/** For so long the order of a directory by size or time serves all who ask for it. */
export const LISTING_ORDER_MS = 1_000;
