/**
 * A program, to be run with `--allow-ffi` only. It gives up rights by the modules that the server uses, tries
 * forbidden things through libc, and prints the results as JSON: 0, or the C name of the error.
 *
 * `giving_up.ts sandbox ROOT OUTSIDE PORT`: ROOT and OUTSIDE have a file `a.txt`; a server listens on PORT.
 * `giving_up.ts user NAME OTHER`: becomes NAME, and then tries to become OTHER, and root.
 * @module
 */
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "../../ffi/libc/constants.ts";
import { errnoName, SystemError } from "../../ffi/libc/errno.ts";
import { FileStatus } from "../../ffi/file/file_status.ts";
import { cString, libc, loadLibc, result } from "../../ffi/libc/libc.ts";
import { landlockAbi } from "../../ffi/process/landlock.ts";
import { currentIds, setNoNewPrivileges } from "../../ffi/process/privileges.ts";
import { close, listenTcp } from "../../ffi/socket/socket.ts";
import { becomeUser, resolveAccount } from "../../program/security/privileges.ts";
import { Sandbox } from "../../program/security/sandbox.ts";

const O_WRONLY = 1;
const O_CREAT = 0o100;
const AF_INET = 2;

const [action, ...args] = Deno.args;
loadLibc();
const { symbols: more } = Deno.dlopen("libc.so.6", {
  mkdir: { parameters: ["buffer", "u32"], result: "i32" },
  unlink: { parameters: ["buffer"], result: "i32" },
  rename: { parameters: ["buffer", "buffer"], result: "i32" },
  symlink: { parameters: ["buffer", "buffer"], result: "i32" },
  truncate: { parameters: ["buffer", "i64"], result: "i32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  getppid: { parameters: [], result: "i32" },
  chmod: { parameters: ["buffer", "u32"], result: "i32" },
  chown: { parameters: ["buffer", "u32", "u32"], result: "i32" },
  utimes: { parameters: ["buffer", "buffer"], result: "i32" },
  removexattr: { parameters: ["buffer", "buffer"], result: "i32" },
  setuid: { parameters: ["u32"], result: "i32" },
  posix_spawn: { parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
});

/** Returns 0, or the error's name. */
function told(value: number): string | 0 {
  return value >= 0 ? 0 : errnoName(-value);
}

function open(path: string, flags: number): string | 0 {
  const fd = result(libc.openat(AT_FDCWD, cString(path), flags | O_CLOEXEC, 0o600));
  if (fd >= 0) close(fd);
  return told(fd);
}

function connect(port: number): string | 0 {
  const address = new Uint8Array([AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1, ...new Array(8).fill(0)]);
  const fd = libc.socket(AF_INET, 1, 0);
  const status = told(result(libc.connect(fd, address, address.length)));
  close(fd);
  return status;
}

function listen(): string | 0 {
  try {
    close(listenTcp("127.0.0.1", 0, 1));
    return 0;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return error.code;
  }
}

/** posix_spawn(3) returns the error instead of setting errno. */
function execute(path: string): string | 0 {
  const pointers = new BigUint64Array(2); // a list without strings
  const bytes = new Uint8Array(pointers.buffer);
  return told(-more.posix_spawn(new Uint8Array(8), cString(path), null, null, bytes, bytes));
}

function tryAll(root: string, outside: string, port: number) {
  const inside = `${root}/a.txt`;
  return {
    "read below the root": open(inside, O_RDONLY),
    "list the root": open(root, O_RDONLY),
    "read beside the root": open(`${root}/../beside.txt`, O_RDONLY),
    "read elsewhere": open(`${outside}/a.txt`, O_RDONLY),
    "read /etc/passwd": open("/etc/passwd", O_RDONLY),
    "read /proc/self/maps": open("/proc/self/maps", O_RDONLY),
    "list elsewhere": open(outside, O_RDONLY),
    "stat elsewhere": told(new FileStatus().read(AT_FDCWD, cString(`${outside}/a.txt`))),
    "write": open(inside, O_WRONLY),
    "create": open(`${root}/new.txt`, O_WRONLY | O_CREAT),
    "write a device": open("/dev/null", O_WRONLY),
    "make a directory": told(result(more.mkdir(cString(`${root}/new`), 0o700))),
    "remove": told(result(more.unlink(cString(inside)))),
    "rename": told(result(more.rename(cString(inside), cString(`${root}/b.txt`)))),
    "make a link": told(result(more.symlink(cString("/etc"), cString(`${root}/link`)))),
    "truncate": told(result(more.truncate(cString(inside), 0n))),
    "change the mode elsewhere": told(result(more.chmod(cString(`${outside}/a.txt`), 0o600))),
    "change the owner elsewhere": told(
      result(more.chown(cString(`${outside}/a.txt`), 0xffff_ffff, 0xffff_ffff)),
    ),
    "set the times elsewhere": told(result(more.utimes(cString(`${outside}/a.txt`), null))),
    "remove an attribute elsewhere": told(
      result(more.removexattr(cString(`${outside}/a.txt`), cString("user.epollet"))),
    ),
    "execute": execute("/bin/true"),
    "connect": connect(port),
    "bind": listen(),
    "signal": told(result(more.kill(more.getppid(), 0))),
  };
}

function sandbox(root: string, outside: string, port: number) {
  const before = open("/etc/passwd", O_RDONLY);
  const sandbox = new Sandbox([root]);
  setNoNewPrivileges();
  sandbox.enter();
  const deeds = tryAll(root, outside, port);
  return { abi: landlockAbi(), says: String(sandbox), before, deeds, trace: new Error("a trace").stack };
}

function user(name: string, other: string) {
  const deed = (act: () => unknown) => {
    try {
      return act() ?? 0;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      return error.message;
    }
  };
  return {
    first: deed(() => becomeUser(resolveAccount(name))),
    ids: currentIds(),
    second: deed(() => becomeUser(resolveAccount(other))),
    root: told(result(more.setuid(0))),
  };
}

console.log(
  JSON.stringify(action === "user" ? user(args[0]!, args[1]!) : sandbox(args[0]!, args[1]!, Number(args[2]))),
);
Deno.exit(0);
