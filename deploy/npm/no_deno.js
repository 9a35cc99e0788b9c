/**
 * What other runtimes get in place of the library.
 * @module
 */
throw new Error("The library epollet runs on Deno only, because it calls the kernel by Deno's FFI");
