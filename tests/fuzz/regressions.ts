/**
 * Inputs that found mistakes. Each is tried in every run of the tests.
 * @module
 */
import type { Input } from "./fuzz_target.ts";

/** An input that found a mistake. */
export interface Regression {
  /** The name of the target. */
  readonly target: string;
  readonly input: Input;
  /** The mistake that it found. */
  readonly was: string;
}

/** All regressions, in the order in which they were found. */
export const REGRESSIONS: readonly Regression[] = [
  {
    target: "negotiation",
    input: ["zstd\xa0"],
    was: "a byte 0xA0, which is a part of the name, was taken for white space around it",
  },
  {
    target: "config",
    input: ['{"rewrites":[{"source":"/\x99","destination":"/$1","ifMissing":true}]}'],
    was: "the line that says what is wrong held a control character out of the file",
  },
  {
    target: "config",
    input: [
      '{"auth":[{"users":{"a":"$scrypt$ln=14,r=8,p=1$aaaaaaaaaaaaaaaaaaaaa$aaaaaaaaaaaaaaaaaaaaaaaaa"}}]}',
    ],
    was: "in Deno 2.4 a hash of a length that base64 does not have was an exception, and no mistake",
  },
  {
    target: "connections",
    input: ["HEAD  ", "", ""],
    was: "the answer to a HEAD whose request line is malformed had a body",
  },
  {
    target: "http2",
    input: [
      "\0\0\0\x04\0\0\0\0\0",
      "\0\0 \x01\x05\0\0\0\x03B\x84\xc7\x82\x1b\xff\x86\x11\x06a.test\x05\x06/a?b=c\\\x072000000",
      "\0\0\x0f\x01\x05\0\0\0\x05\xbf\x86\x11\x06a.test\x84\x1f\x14\x81\xf3",
      "",
    ],
    was: "a request with an unknown expectation was malformed if the head before it had a length",
  },
  {
    target: "http2",
    input: [
      "\0\0\0\x04\0\0\0\0\0",
      "\0\0 \x01\x04\0\0\0\x01\x83G\x04http\x01\x06a.testE\x06/%41/\xe4@\x05x-own\x01a",
      "\0\0\x04\b\0\0\0\0\x01\0\0JR",
      "\0\0\x0c\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff\0\x05\x78\0\0\0",
      "",
    ],
    was: "a window that is too large was not the first error of a frame of settings with another",
  },
];
