/**
 * The functions of OpenSSL 3: libssl and libcrypto of the system. They are opened only where TLS is asked for.
 *
 * Parameter types are chosen as in `libc.ts`. `long` and `size_t` are `i32` and `u32` where the values are small, and
 * errors are `u32`: OpenSSL packs library and reason into 31 bits. A callback runs inside of the call that leads to it,
 * on the same thread.
 *
 * Source: the manual pages of section 3ssl.
 * @module
 */

const SSL_SYMBOLS = {
  // settings that many connections share
  TLS_server_method: { parameters: [], result: "pointer" },
  SSL_CTX_new: { parameters: ["pointer"], result: "pointer" },
  SSL_CTX_free: { parameters: ["pointer"], result: "void" },
  SSL_CTX_ctrl: { parameters: ["pointer", "i32", "i64", "buffer"], result: "i64" },
  SSL_CTX_set_options: { parameters: ["pointer", "u64"], result: "u64" },
  SSL_CTX_set_cipher_list: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_CTX_set_ciphersuites: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_CTX_set_session_id_context: { parameters: ["pointer", "buffer", "u32"], result: "i32" },
  SSL_CTX_use_cert_and_key: {
    parameters: ["pointer", "pointer", "pointer", "pointer", "i32"],
    result: "i32",
  },
  SSL_CTX_set_num_tickets: { parameters: ["pointer", "usize"], result: "i32" },
  SSL_CTX_set_client_hello_cb: { parameters: ["pointer", "function", "pointer"], result: "void" },
  SSL_CTX_set_alpn_select_cb: { parameters: ["pointer", "function", "pointer"], result: "void" },
  SSL_CTX_set_tlsext_ticket_key_evp_cb: { parameters: ["pointer", "function"], result: "i32" },

  // a connection
  SSL_new: { parameters: ["pointer"], result: "pointer" },
  SSL_free: { parameters: ["pointer"], result: "void" },
  SSL_set0_rbio: { parameters: ["pointer", "pointer"], result: "void" },
  SSL_set0_wbio: { parameters: ["pointer", "pointer"], result: "void" },
  SSL_set_accept_state: { parameters: ["pointer"], result: "void" },
  SSL_set_SSL_CTX: { parameters: ["pointer", "pointer"], result: "pointer" },
  SSL_ctrl: { parameters: ["pointer", "i32", "i64", "buffer"], result: "i64" },
  SSL_do_handshake: { parameters: ["pointer"], result: "i32" },
  SSL_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_shutdown: { parameters: ["pointer"], result: "i32" },
  SSL_pending: { parameters: ["pointer"], result: "i32" },
  SSL_get_error: { parameters: ["pointer", "i32"], result: "i32" },
  SSL_version: { parameters: ["pointer"], result: "i32" },
  SSL_session_reused: { parameters: ["pointer"], result: "i32" },
  SSL_get_servername: { parameters: ["pointer", "i32"], result: "pointer" },
  SSL_get0_alpn_selected: { parameters: ["pointer", "buffer", "buffer"], result: "void" },
  SSL_client_hello_get0_ext: { parameters: ["pointer", "u32", "buffer", "buffer"], result: "i32" },

  // a connection in which this process is the client
  TLS_client_method: { parameters: [], result: "pointer" },
  SSL_CTX_set_default_verify_paths: { parameters: ["pointer"], result: "i32" },
  SSL_CTX_load_verify_locations: { parameters: ["pointer", "buffer", "pointer"], result: "i32" },
  SSL_CTX_set_verify: { parameters: ["pointer", "i32", "pointer"], result: "void" },
  SSL_set1_host: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_set_fd: { parameters: ["pointer", "i32"], result: "i32" },
  SSL_connect: { parameters: ["pointer"], result: "i32" },
  SSL_get_verify_result: { parameters: ["pointer"], result: "i32" },

  // the secrets of a connection whose records the kernel is to write
  SSL_CTX_set_keylog_callback: { parameters: ["pointer", "function"], result: "void" },
  SSL_get_current_cipher: { parameters: ["pointer"], result: "pointer" },
  SSL_CIPHER_get_protocol_id: { parameters: ["pointer"], result: "u16" },
  SSL_get_key_update_type: { parameters: ["pointer"], result: "i32" },
  SSL_get_session: { parameters: ["pointer"], result: "pointer" },
  SSL_SESSION_get_master_key: { parameters: ["pointer", "buffer", "u32"], result: "u32" },
  SSL_get_client_random: { parameters: ["pointer", "buffer", "u32"], result: "u32" },
  SSL_get_server_random: { parameters: ["pointer", "buffer", "u32"], result: "u32" },
} as const;

const CRYPTO_SYMBOLS = {
  OpenSSL_version_num: { parameters: [], result: "u64" },
  OPENSSL_sk_num: { parameters: ["pointer"], result: "i32" },
  OPENSSL_sk_value: { parameters: ["pointer", "i32"], result: "pointer" },
  OPENSSL_sk_new_null: { parameters: [], result: "pointer" },
  OPENSSL_sk_push: { parameters: ["pointer", "pointer"], result: "i32" },
  OPENSSL_sk_free: { parameters: ["pointer"], result: "void" },

  ERR_get_error: { parameters: [], result: "u32" },
  ERR_peek_error: { parameters: [], result: "u32" },
  ERR_clear_error: { parameters: [], result: "void" },
  ERR_reason_error_string: { parameters: ["u64"], result: "pointer" },

  BIO_s_mem: { parameters: [], result: "pointer" },
  BIO_new: { parameters: ["pointer"], result: "pointer" },
  BIO_new_mem_buf: { parameters: ["buffer", "i32"], result: "pointer" },
  BIO_up_ref: { parameters: ["pointer"], result: "i32" },
  BIO_free: { parameters: ["pointer"], result: "i32" },
  BIO_ctrl: { parameters: ["pointer", "i32", "i64", "buffer"], result: "i64" },
  BIO_ctrl_fast: { name: "BIO_ctrl", parameters: ["pointer", "i32", "i32", "buffer"], result: "i32" },
  BIO_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },

  // certificates and keys
  PEM_read_bio_X509: { parameters: ["pointer", "pointer", "pointer", "pointer"], result: "pointer" },
  PEM_read_bio_PrivateKey: { parameters: ["pointer", "pointer", "pointer", "buffer"], result: "pointer" },
  X509_free: { parameters: ["pointer"], result: "void" },
  X509_check_issued: { parameters: ["pointer", "pointer"], result: "i32" },
  X509_check_private_key: { parameters: ["pointer", "pointer"], result: "i32" },
  X509_verify: { parameters: ["pointer", "pointer"], result: "i32" },
  X509_get0_pubkey: { parameters: ["pointer"], result: "pointer" },
  X509_get0_notBefore: { parameters: ["pointer"], result: "pointer" },
  X509_get0_notAfter: { parameters: ["pointer"], result: "pointer" },
  X509_get_subject_name: { parameters: ["pointer"], result: "pointer" },
  X509_get_issuer_name: { parameters: ["pointer"], result: "pointer" },
  X509_get_ext_d2i: { parameters: ["pointer", "i32", "pointer", "pointer"], result: "pointer" },
  X509_verify_cert_error_string: { parameters: ["i64"], result: "pointer" },
  X509_NAME_print_ex: { parameters: ["pointer", "pointer", "i32", "u64"], result: "i32" },
  GENERAL_NAME_get0_value: { parameters: ["pointer", "buffer"], result: "pointer" },
  GENERAL_NAMES_free: { parameters: ["pointer"], result: "void" },
  ASN1_STRING_get0_data: { parameters: ["pointer"], result: "pointer" },
  ASN1_STRING_length: { parameters: ["pointer"], result: "i32" },
  ASN1_TIME_to_tm: { parameters: ["pointer", "buffer"], result: "i32" },
  EVP_PKEY_get_id: { parameters: ["pointer"], result: "i32" },
  EVP_PKEY_get_bits: { parameters: ["pointer"], result: "i32" },
  EVP_PKEY_free: { parameters: ["pointer"], result: "void" },

  // what is made: keys, and signatures of certificates
  EVP_PKEY_CTX_new_id: { parameters: ["i32", "pointer"], result: "pointer" },
  EVP_PKEY_CTX_free: { parameters: ["pointer"], result: "void" },
  EVP_PKEY_CTX_set_ec_paramgen_curve_nid: { parameters: ["pointer", "i32"], result: "i32" },
  EVP_PKEY_keygen_init: { parameters: ["pointer"], result: "i32" },
  EVP_PKEY_keygen: { parameters: ["pointer", "buffer"], result: "i32" },
  EVP_MD_CTX_new: { parameters: [], result: "pointer" },
  EVP_MD_CTX_free: { parameters: ["pointer"], result: "void" },
  EVP_sha256: { parameters: [], result: "pointer" },
  EVP_DigestSignInit: { parameters: ["pointer", "pointer", "pointer", "pointer", "pointer"], result: "i32" },
  EVP_DigestSign: { parameters: ["pointer", "buffer", "buffer", "buffer", "usize"], result: "i32" },
  i2d_PUBKEY: { parameters: ["pointer", "buffer"], result: "i32" },
  i2d_X509_NAME: { parameters: ["pointer", "buffer"], result: "i32" },
  d2i_X509: { parameters: ["pointer", "buffer", "i64"], result: "pointer" },
  X509_check_purpose: { parameters: ["pointer", "i32", "i32"], result: "i32" },
  NAME_CONSTRAINTS_check: { parameters: ["pointer", "pointer"], result: "i32" },
  NAME_CONSTRAINTS_free: { parameters: ["pointer"], result: "void" },
  PEM_write_bio_PrivateKey: {
    parameters: ["pointer", "pointer", "pointer", "buffer", "i32", "pointer", "pointer"],
    result: "i32",
  },

  // session tickets
  EVP_aes_256_cbc: { parameters: [], result: "pointer" },
  EVP_EncryptInit_ex: {
    parameters: ["pointer", "pointer", "pointer", "buffer", "buffer"],
    result: "i32",
  },
  EVP_DecryptInit_ex: {
    parameters: ["pointer", "pointer", "pointer", "buffer", "pointer"],
    result: "i32",
  },
  EVP_MAC_init: { parameters: ["pointer", "buffer", "usize", "buffer"], result: "i32" },

  // records
  EVP_aes_128_gcm: { parameters: [], result: "pointer" },
  EVP_aes_256_gcm: { parameters: [], result: "pointer" },
  EVP_chacha20_poly1305: { parameters: [], result: "pointer" },
  EVP_CIPHER_CTX_new: { parameters: [], result: "pointer" },
  EVP_CIPHER_CTX_free: { parameters: ["pointer"], result: "void" },
  EVP_CIPHER_CTX_ctrl: { parameters: ["pointer", "i32", "i32", "buffer"], result: "i32" },
  EVP_DecryptInit_keyed: {
    name: "EVP_DecryptInit_ex",
    parameters: ["pointer", "pointer", "pointer", "buffer", "buffer"],
    result: "i32",
  },
  EVP_DecryptUpdate: { parameters: ["pointer", "buffer", "buffer", "buffer", "i32"], result: "i32" },
  EVP_DecryptFinal_ex: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
} as const;

type Ssl = Deno.DynamicLibrary<typeof SSL_SYMBOLS>["symbols"];
type Crypto = Deno.DynamicLibrary<typeof CRYPTO_SYMBOLS>["symbols"];

/** The functions of libssl. Undefined until {@linkcode loadOpenssl} has run. */
export let ssl: Ssl = undefined as unknown as Ssl;
/** The functions of libcrypto. Undefined until {@linkcode loadOpenssl} has run. */
export let crypto: Crypto = undefined as unknown as Crypto;

/** A pointer of OpenSSL's that is not NULL. */
export type Pointer = Deno.PointerObject;

/** OpenSSL cannot be used. `message` says what to install. */
export class OpensslMissing extends Error {
  /** Always `"OpensslMissing"`. */
  override readonly name = "OpensslMissing";
}

/** What to install, by name of the distribution's package. */
const PACKAGE =
  "install the package libssl3 (Debian, Ubuntu; libssl3t64 in newer ones) or openssl-libs (Fedora)";

/**
 * Opens OpenSSL on the first call.
 * @throws {OpensslMissing} when the system has no OpenSSL 3
 */
export function loadOpenssl(): void {
  if (ssl !== undefined) return;
  crypto = open("libcrypto.so.3", CRYPTO_SYMBOLS);
  ssl = open("libssl.so.3", SSL_SYMBOLS);
}

function open<const Symbols extends Deno.ForeignLibraryInterface>(
  library: string,
  symbols: Symbols,
): Deno.DynamicLibrary<Symbols>["symbols"] {
  try {
    return Deno.dlopen(library, symbols).symbols;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new OpensslMissing(`TLS needs OpenSSL 3, and ${library} cannot be opened: ${PACKAGE} (${reason})`);
  }
}

/** Returns the version of the library in use, such as `3.0.19`. */
export function opensslVersion(): string {
  const version = Number(crypto.OpenSSL_version_num()); // 0xMNN00PP0
  return `${version >>> 28}.${(version >>> 20) & 0xff}.${(version >>> 4) & 0xff}`;
}

/**
 * Returns `pointer` if it is not NULL. For calls that fail only without memory.
 * @throws {Error} for NULL
 */
export function present(pointer: Deno.PointerValue, call: string): Pointer {
  if (pointer === null) throw new Error(`${call} returned NULL`);
  return pointer;
}
