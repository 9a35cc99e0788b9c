/**
 * The bounds of TLS, with units in their names.
 * @module
 */

const KIB = 1024;

/** The default of `handshakeTimeoutMs`. Over it, the connection is closed. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** The largest file with certificates or a key. */
export const TLS_FILE_TEXT_BYTES_MAX: number = 100 * KIB;
/** The size of records at the beginning of a burst: one fits into a packet, so the client need not wait for others. */
export const TLS_SMALL_RECORD_BYTES = 1400;
/** The bytes of a burst that are sent in small records. */
export const TLS_BURST_SMALL_BYTES: number = 64 * KIB;
/** The pause after which a new burst begins. */
export const TLS_BURST_PAUSE_MS = 1_000;
/** The largest record (RFC 8446 §5.1). */
export const TLS_RECORD_BYTES: number = 16 * KIB;
/** The bytes that are encrypted before they are sent, in one call. */
export const TLS_WRITE_BYTES_MAX: number = 128 * KIB;
/** The bytes of a file that are read, encrypted and sent at a time. */
export const TLS_FILE_BYTES_MAX: number = 128 * KIB;
/** The bytes of a burst after which the kernel encrypts what follows of a file, where it can. */
export const TLS_KERNEL_AFTER_BYTES: number = 256 * KIB;
/** The bytes that TLS answers to records without data before a client has to take them. */
export const TLS_CONTROL_BYTES_MAX: number = 16 * KIB;
/** How long a certificate and its key may disagree, because one of them is still to be written. */
export const TLS_REPORT_DELAY_MS = 2_000;
/** The interval at which the files of certificates are read without an event, and their ends are looked at. */
export const TLS_LOOK_INTERVAL_MS: number = 60 * 60 * 1000;
/** The time after which a new key encrypts session tickets. The old one is accepted for as long again. OpenSSL ends a session earlier. */
export const TLS_TICKET_KEY_MS: number = 12 * 3600 * 1000;
/** How long an authority of `--https` is valid. */
export const LOCAL_AUTHORITY_TIME_MS: number = 10 * 365 * 24 * 3600 * 1000;
/** The rest of that time in which a new authority is made. */
export const LOCAL_AUTHORITY_REST_MS: number = 180 * 24 * 3600 * 1000;
/** How long a certificate of `--https` is valid. */
export const LOCAL_CERTIFICATE_TIME_MS: number = 90 * 24 * 3600 * 1000;
/** The rest of that time in which a new certificate is made. */
export const LOCAL_CERTIFICATE_REST_MS: number = 30 * 24 * 3600 * 1000;
/** The most addresses in a certificate of `--https`. */
export const LOCAL_ADDRESSES_MAX = 100;
/** The interval at which `--https` looks for new addresses of this machine. */
export const LOCAL_LOOK_INTERVAL_MS = 15_000;
