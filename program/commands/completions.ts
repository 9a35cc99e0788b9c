/**
 * `--completions`: a script that completes commands and flags in a shell, made from their tables.
 * @module
 */
import { FLAG_FORMS, type FlagForm, formsOf } from "../config/flags/flag_forms.ts";
import { type Flag, FLAGS } from "../config/flags/flags.ts";
import { helpNames } from "./setting_help.ts";
import type { Shell } from "../config/settings/settings.ts";
import { SUBCOMMANDS } from "../config/flags/subcommands.ts";

/** What a value is completed with: words, or names that the shell knows. */
type Candidates = readonly string[] | "files" | "directories" | "users";

/** Returns the script for a shell, without a newline at its end. */
export function completionsFor(shell: Shell): string {
  return { bash, zsh, fish }[shell]();
}

/** The words that may follow a command. */
function wordsOf(command: string): readonly string[] {
  return command === "help" ? helpNames() : [];
}

/** The candidates for the value of a flag. */
function candidatesOf({ value, values, isOptional }: Flag): Candidates {
  if (values !== undefined) return values;
  if (value === "FILE" && !isOptional) return "files"; // the optional FILE of --spa is a path of the site
  if (value === "DIR") return "directories";
  return value?.startsWith("NAME[") ? "users" : [];
}

/** True for a form whose value is the next word. */
function takesWord({ flag, isOpposite }: FlagForm): boolean {
  return flag.value !== undefined && !flag.isOptional && !isOpposite;
}

/** True for a form whose optional value has known candidates. */
function hasWords({ flag, isOpposite }: FlagForm): boolean {
  return flag.isOptional === true && flag.values !== undefined && !isOpposite;
}

/** The spellings of a form, the short one first. */
function spellings({ name, flag, isOpposite }: FlagForm): string[] {
  return flag.letter === undefined || isOpposite ? [`--${name}`] : [`-${flag.letter}`, `--${name}`];
}

/** The description of a form. */
function describe({ flag, isOpposite }: FlagForm): string {
  return isOpposite ? `the opposite of --${flag.name}` : flag.help;
}

function bash(): string {
  const forms = [...FLAG_FORMS.values()];
  const generators = { files: "-f", directories: "-d", users: "-u" } as const;
  const cases = forms.filter((form) => takesWord(form) || hasWords(form)).map((form) => {
    const candidates = candidatesOf(form.flag);
    const how = typeof candidates === "string" ? generators[candidates] : `-W '${candidates.join(" ")}'`;
    // The word after a flag with an optional value is not its value.
    const patterns = spellings(form).map((name) => takesWord(form) ? `${name} | ${name}=` : `${name}=`);
    return `    ${patterns.join(" | ")}) ${candidates.length === 0 ? "return" : `how=(${how})`} ;;`;
  });
  const subcommands = SUBCOMMANDS.map(({ name, flags }) =>
    `    1${name}) how=(-W '${[...flags.map((flag) => flag.split(" ")[0]), ...wordsOf(name)].join(" ")}') ;;`
  );
  return `# Completions of epollet for bash; ~/.local/share/bash-completion/completions/epollet is their place.
_epollet() {
  local word=\${COMP_WORDS[COMP_CWORD]} flag=\${COMP_WORDS[COMP_CWORD - 1]} before='' behind=''
  local -a how=() found=()
  COMPREPLY=()
  # = is a word of its own, unless COMP_WORDBREAKS says otherwise.
  if [[ $word == = ]]; then
    word='' behind='='
  elif [[ $flag == = ]]; then
    flag=\${COMP_WORDS[COMP_CWORD - 2]} behind='='
  elif [[ $word == --*=* ]]; then
    flag=\${word%%=*} before="\${word%%=*}=" word=\${word#*=} behind='='
  fi
  case $(( COMP_CWORD > 1 ))\${COMP_WORDS[1]} in
${subcommands.join("\n")}
  esac
  case \${how:+COMMAND}$flag$behind in
    COMMAND*) [[ $word == -* || \${COMP_WORDS[1]} == help ]] || how=(-f) ;;
${cases.join("\n")}
    *)
      if [[ -n $behind ]]; then
        return
      elif [[ $word == -* ]]; then
        how=(-W '${forms.map(({ name }) => `--${name}`).join(" ")}')
      elif (( COMP_CWORD == 1 )); then
        how=(-d -W '${SUBCOMMANDS.map(({ name }) => name).join(" ")}')
      else
        how=(-d)
      fi
      ;;
  esac
  [[ \${how[0]} == -W ]] || compopt -o filenames 2>/dev/null
  mapfile -t found < <(compgen "\${how[@]}" -- "$word")
  COMPREPLY=("\${found[@]/#/$before}")
}
complete -F _epollet epollet`;
}

function zsh(): string {
  const escaped = (text: string) => text.replace(/[\\[\]:]/g, "\\$&").replaceAll("'", "'\\''");
  const generators = { files: "_files", directories: "_files -/", users: "_users" } as const;
  const specs = [...FLAG_FORMS.values()].map((form) => {
    const { value, isOptional, isRepeatable } = form.flag;
    const candidates = candidatesOf(form.flag);
    const action = typeof candidates === "string" ? generators[candidates] : `(${candidates.join(" ")})`;
    const argument = value === undefined || form.isOpposite
      ? ""
      : `${isOptional ? "::" : ":"}${escaped(value)}:${candidates.length === 0 ? "" : action}`;
    const ends = argument === "" ? ["", ""] : isOptional ? ["", "=-"] : ["+", "="];
    const written = spellings(form).map((name) => name + ends[name.startsWith("--") ? 1 : 0]);
    const names = written.length === 1 ? `'${written[0]}` : `{${written.join(",")}}'`;
    const others = formsOf(form.flag).flatMap(spellings).join(" ");
    const before = isRepeatable ? "'*'" : `'(${others})'`;
    return `    ${before}${names}[${escaped(describe(form))}]${argument}'`;
  });
  const subcommands = SUBCOMMANDS.map(({ name, flags }) => {
    const own = flags.map((flag) => {
      const [written, value] = flag.split(" ");
      return value === undefined ? `'${written}'` : `'${written}=:${value}:_files'`;
    });
    return `    1${name}) _arguments -S ${own.join(" ")} '*:NAME:(${wordsOf(name).join(" ")})'; return ;;`;
  });
  const names = SUBCOMMANDS.map(({ name }) => name).join(" ");
  return `#compdef epollet
# Completions of epollet for zsh: _epollet in a directory of $fpath is their place.
_epollet() {
  local -a specs=(
${specs.join("\n")}
  )
  case $(( CURRENT > 2 ))$words[2] in
${subcommands.join("\n")}
  esac
  _arguments -s -S $specs '1: :_epollet_first' '2:directory:_files -/'
}
_epollet_first() {
  _alternative 'commands:command:(${names})' 'directories:port, or directory:_files -/'
}
if [[ $funcstack[1] == _epollet ]]; then
  _epollet "$@"
else
  compdef _epollet epollet
fi`;
}

function fish(): string {
  const quoted = (text: string) => `'${text.replace(/[\\']/g, "\\$&")}'`;
  const generators = {
    files: "-r -F",
    directories: "-x -a '(__fish_complete_directories)'",
    users: "-x -a '(__fish_complete_users)'",
  } as const;
  const lines = FLAGS.flatMap(formsOf).map((form) => {
    const candidates = candidatesOf(form.flag);
    const action = typeof candidates === "string"
      ? generators[candidates]
      : candidates.length === 0
      ? "-x"
      : `-x -a ${quoted(candidates.join(" "))}`;
    const { letter } = form.flag;
    const short = letter === undefined || form.isOpposite ? "" : ` -s ${letter}`;
    const argument = takesWord(form) ? ` ${action}` : "";
    return `complete -c epollet -l ${form.name}${short}${argument} -d ${quoted(describe(form))}`;
  });
  const subcommands = SUBCOMMANDS.flatMap(({ name, help, flags }) => [
    `complete -c epollet -n __fish_is_first_arg -a ${name} -d ${quoted(help)}`,
    ...wordsOf(name).length === 0 ? [] : [
      `complete -c epollet -n '__fish_seen_subcommand_from ${name}' -a ${quoted(wordsOf(name).join(" "))}`,
    ],
    ...flags.map((flag) => {
      const [written, value] = flag.slice(2).split(" ");
      const argument = value === undefined ? "" : /^(DIR|FILE)$/.test(value) ? " -r -F" : " -x";
      return `complete -c epollet -n '__fish_seen_subcommand_from ${name}' -l ${written}${argument}`;
    }),
  ]);
  return `# Completions of epollet for fish; ~/.config/fish/completions/epollet.fish is their place.
complete -c epollet -f -a '(__fish_complete_directories)'
${subcommands.join("\n")}
${lines.join("\n")}`;
}
