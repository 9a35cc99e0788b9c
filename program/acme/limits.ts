/**
 * The bounds of certificates by ACME, with units in their names.
 * @module
 */

const KIB = 1024;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The most names that the program gets certificates for. */
export const NAMES_MAX = 100;

// The authority
/** How long one address of the authority is tried. */
export const CONNECT_PATIENCE_MS: number = 10 * SECOND_MS;
/** How long the authority has for one answer, with the connection and TLS. */
export const ANSWER_PATIENCE_MS: number = 40 * SECOND_MS;
/** The largest head of an answer. */
export const ANSWER_HEAD_BYTES_MAX: number = 32 * KIB;
/** The largest body of an answer. */
export const ANSWER_BODY_BYTES_MAX: number = 256 * KIB;
/** How many redirects are followed, all on one host. */
export const REDIRECTS_MAX = 3;
/** How often a request is sent whose nonce is refused. */
export const NONCE_ATTEMPTS_MAX = 12;
/** How long one challenge, or one certificate, may take. */
export const STEP_PATIENCE_MS: number = 3 * MINUTE_MS;
/** The pauses between two questions about a challenge or a certificate. */
export const POLL_MS: { readonly least: number; readonly most: number } = {
  least: SECOND_MS,
  most: 15 * SECOND_MS,
};
/** The characters of an authority's explanation that are logged. */
export const DETAIL_CHARACTERS_MAX = 300;

// When
/** The first pause after a failure to reach the authority. It doubles from failure to failure. */
export const RETRY_UNREACHED_MS: number = 5 * SECOND_MS;
/** The same after the authority has refused something: authorities limit the failures of an hour. */
export const RETRY_REFUSED_MS: number = MINUTE_MS;
/** The longest pause. */
export const RETRY_MS_MAX: number = DAY_MS;
/** The longest pause that an authority can ask for. */
export const RETRY_AFTER_MS_MAX: number = 7 * DAY_MS;
/** A start of the program shortens a pause to this, counted from the last try. */
export const RETRY_AT_START_MS: number = MINUTE_MS;
/** How long failures are followed by another try. */
export const GIVE_UP_AFTER_MS: number = 30 * DAY_MS;
/** How often the authority is asked when to renew, unless it says how often. */
export const RENEWAL_INFO_MS: { readonly least: number; readonly usual: number; readonly most: number } = {
  least: MINUTE_MS,
  usual: 6 * HOUR_MS,
  most: 7 * DAY_MS,
};
/** How long a certificate is kept, whatever its authority suggests: else it could suggest to renew each one at once. */
export const SUGGESTION_PAUSE_MS: number = 6 * HOUR_MS;
/** How long a certificate has to be valid to be used at all. */
export const VALID_MS_MIN: number = MINUTE_MS;

// The companion
/** How often the companion looks whether the files are as it has left them. */
export const LOOK_MS: number = 5 * SECOND_MS;
/** How long the companion waits while another process asks the authority. */
export const LOCKED_MS: number = 2 * SECOND_MS;
/** How long it waits until all workers answer a challenge. */
export const PUBLISH_PATIENCE_MS: number = 10 * SECOND_MS;

// Files
/** The largest file with a certificate, its chain and its key. */
export const CERTIFICATE_BYTES_MAX: number = 100 * KIB;
/** The largest other file. */
export const STATE_BYTES_MAX: number = 16 * KIB;
/** The most challenges in a directory. */
export const CHALLENGES_MAX = 200;
