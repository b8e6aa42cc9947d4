//! The tools an image may have: what each does and which options it takes. Completion and `--help` read this table;
//! what the tools do is [`crate::program`]'s.
//!
//! Words are those of the real tools' `--help` (GNU coreutils 9.1 and their contemporaries in Debian 12), and only
//! options that are simulated are listed.

/// One tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    pub name: &'static str,
    /// Without the name: `[OPTION]... [FILE]...`.
    pub synopsis: &'static str,
    pub help: &'static str,
    pub options: &'static [Flag],
}

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// `-a, --all`, `-n, --lines=NUM` or `-name PATTERN`.
    pub form: &'static str,
    pub help: &'static str,
}

impl Flag {
    /// What a person types of it, without the value: `-a` and `--all`.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.form.split(", ").map(|word| word.split(['=', ' ']).next().unwrap_or(word))
    }

    pub fn takes_value(&self) -> bool {
        self.form.contains(['=', ' ']) && self.form.split(", ").any(|word| word.contains(['=', ' ']))
    }
}

/// The tool of this name.
pub fn tool(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// What `NAME --help` prints.
pub fn help(tool: &Tool) -> String {
    let mut out = format!("Usage: {} {}\n{}\n", tool.name, tool.synopsis, tool.help);
    if !tool.options.is_empty() {
        out.push('\n');
    }
    let indented = |form: &str| if form.starts_with("--") { format!("      {form}") } else { format!("  {form}") };
    let width = tool.options.iter().map(|flag| indented(flag.form).chars().count()).max().unwrap_or(0) + 2;
    for flag in tool.options {
        out += &format!("{:<width$}{}\n", indented(flag.form), flag.help);
    }
    out
}

macro_rules! tools {
    ($($name:literal, $synopsis:literal, $help:literal $(, $form:literal => $what:literal)*;)*) => {
        /// Every tool, by name.
        pub const TOOLS: &[Tool] = &[$(Tool {
            name: $name,
            synopsis: $synopsis,
            help: $help,
            options: &[$(Flag { form: $form, help: $what }),*],
        }),*];
    };
}

tools! {
    "alloc", "[OPTION]... SIZE", "Take SIZE bytes of memory, a MiB at a time, and say how much is there.",
        "-s, --shared" => "as memory that could be shared with others",
        "-f, --file=FILE" => "touch the pages of FILE instead",
        "-h, --hold=NUMBER[SUFFIX]" => "keep it for so many seconds";
    "basename", "NAME [SUFFIX]", "Print NAME with any leading directory components removed.";
    "call", "SCRIPT...", "Make single system calls and print each with its answer: call 'unshare(CLONE_NEWUTS); fork { getpid() }'";
    "cat", "[OPTION]... [FILE]...", "Concatenate FILE(s) to standard output.",
        "-n, --number" => "number all output lines";
    "chgrp", "[OPTION]... GROUP FILE...", "Change the group of each FILE to GROUP.",
        "-R, --recursive" => "operate on files and directories recursively",
        "-v, --verbose" => "output a diagnostic for every file processed";
    "chmod", "[OPTION]... MODE[,MODE]... FILE...", "Change the mode of each FILE to MODE.",
        "-c, --changes" => "like verbose but report only when a change is made",
        "-v, --verbose" => "output a diagnostic for every file processed",
        "-R, --recursive" => "change files and directories recursively";
    "chown", "[OPTION]... [OWNER][:[GROUP]] FILE...", "Change the owner and/or group of each FILE to OWNER and/or GROUP.",
        "-c, --changes" => "like verbose but report only when a change is made",
        "-v, --verbose" => "output a diagnostic for every file processed",
        "-R, --recursive" => "operate on files and directories recursively",
        "-h, --no-dereference" => "affect symbolic links instead of any referenced file";
    "chroot", "[OPTION] NEWROOT [COMMAND [ARG]...]", "Run COMMAND with root directory set to NEWROOT.",
        "--skip-chdir" => "do not change working directory to '/'",
        "--userspec=USER:GROUP" => "specify user and group (ID only) to use";
    "clear", "", "Clear the terminal screen.";
    "cp", "[OPTION]... SOURCE... DEST", "Copy SOURCE to DEST, or multiple SOURCE(s) to DIRECTORY.",
        "-a, --archive" => "same as -r and preserve mode, ownership and timestamps",
        "-f, --force" => "if an existing destination file cannot be opened, remove it and try again",
        "-n, --no-clobber" => "do not overwrite an existing file",
        "-p, --preserve" => "preserve mode, ownership and timestamps",
        "-r, --recursive" => "copy directories recursively",
        "-t, --target-directory=DIRECTORY" => "copy all SOURCE arguments into DIRECTORY",
        "-v, --verbose" => "explain what is being done";
    "cut", "OPTION... [FILE]...", "Print selected parts of lines from each FILE to standard output.",
        "-b, --bytes=LIST" => "select only these bytes",
        "-c, --characters=LIST" => "select only these characters",
        "-d, --delimiter=DELIM" => "use DELIM instead of TAB for field delimiter",
        "-f, --fields=LIST" => "select only these fields",
        "-s" => "do not print lines not containing delimiters";
    "date", "[OPTION]... [+FORMAT]", "Display date and time in the given FORMAT.",
        "-u, --utc" => "print Coordinated Universal Time (UTC)",
        "-R" => "output date and time in RFC 5322 format";
    "dd", "[OPERAND]...", "Copy a file, converting and formatting according to the operands: if=FILE of=FILE bs=BYTES count=N.";
    "df", "[FILE]...", "Show the file systems that are mounted. How full they are is not simulated.";
    "dirname", "NAME...", "Output each NAME with its last non-slash component and trailing slashes removed.";
    "du", "[OPTION]... [FILE]...", "Summarize device usage of the set of FILEs, recursively for directories.",
        "-a, --all" => "write counts for all files, not just directories",
        "-b, --bytes" => "print apparent sizes in bytes",
        "-d, --max-depth=N" => "print the total for a directory only if it is N or fewer levels below",
        "-h, --human-readable" => "print sizes in human readable format (e.g., 1K 234M 2G)",
        "-s, --summarize" => "display only a total for each argument";
    "env", "[OPTION]... [NAME=VALUE]... [COMMAND [ARG]...]", "Set each NAME to VALUE in the environment and run COMMAND.",
        "-i, --ignore-environment" => "start with an empty environment",
        "-u, --unset=NAME" => "remove variable from the environment";
    "expr", "EXPRESSION", "Print the value of EXPRESSION to standard output.";
    "find", "[PATH...] [EXPRESSION]", "Search for files in a directory hierarchy.",
        "-name PATTERN" => "the last component of the path matches the shell pattern",
        "-iname PATTERN" => "like -name, but ignoring case",
        "-path PATTERN" => "the path matches the shell pattern",
        "-type C" => "the file is of type f, d, l, c, b, p or s",
        "-size N" => "the file uses N blocks; +N more, -N less; suffixes c k M G",
        "-perm MODE" => "the permission bits are MODE; -MODE: all of them are set",
        "-uid N" => "the numeric user ID is N",
        "-empty" => "the file is empty",
        "-maxdepth N" => "descend at most N levels of directories",
        "-mindepth N" => "apply no tests at levels less than N",
        "-delete" => "delete files",
        "-print0" => "separate names by NUL";
    "findmnt", "[OPTION]... [SOURCE|MOUNTPOINT]", "Find a (mounted) filesystem.",
        "-J, --json" => "use JSON output format",
        "-l, --list" => "use list format output",
        "-M, --mountpoint=DIRECTORY" => "the mountpoint directory",
        "-n, --noheadings" => "don't print column headings",
        "-N, --task=TID" => "use alternative namespace (/proc/TID/mountinfo file)",
        "-o, --output=LIST" => "the output columns to be shown",
        "-P, --pairs" => "use key=\"value\" output format",
        "-r, --raw" => "use raw output format",
        "-R, --submounts" => "print all submounts for the matching filesystems",
        "-S, --source=STRING" => "the device to mount (by name)",
        "-t, --types=LIST" => "limit the set of filesystems by FS types",
        "-T, --target=PATH" => "the path to the filesystem to use",
        "-v, --nofsroot" => "don't print [/dir] for bind mounts";
    "grep", "[OPTION]... PATTERNS [FILE]...", "Search for PATTERNS in each FILE.",
        "-E, --extended-regexp" => "PATTERNS are extended regular expressions",
        "-F, --fixed-strings" => "PATTERNS are strings",
        "-c, --count" => "print only a count of selected lines per FILE",
        "-e, --regexp=PATTERNS" => "use PATTERNS for matching",
        "-h, --no-filename" => "suppress the file name prefix on output",
        "-i, --ignore-case" => "ignore case distinctions in patterns and data",
        "-l, --files-with-matches" => "print only names of FILEs with selected lines",
        "-m, --max-count=NUM" => "stop after NUM selected lines",
        "-n, --line-number" => "print line number with output lines",
        "-o, --only-matching" => "show only nonempty parts of lines that match",
        "-q, --quiet" => "suppress all normal output",
        "-r, --recursive" => "search directories recursively",
        "-s, --no-messages" => "suppress error messages",
        "-v, --invert-match" => "select non-matching lines",
        "-w, --word-regexp" => "match only whole words",
        "-x, --line-regexp" => "match only whole lines";
    "head", "[OPTION]... [FILE]...", "Print the first 10 lines of each FILE to standard output.",
        "-c, --bytes=NUM" => "print the first NUM bytes of each file",
        "-n, --lines=NUM" => "print the first NUM lines instead of the first 10",
        "-q" => "never print headers giving file names",
        "-v" => "always print headers giving file names";
    "hostname", "[NAME]", "Show or set the system's host name.";
    "id", "[OPTION]...", "Print user and group information for the current user.",
        "-g, --group" => "print only the effective group ID",
        "-n, --name" => "print a name instead of a number, for -u and -g",
        "-u, --user" => "print only the effective user ID";
    "ipcmk", "[OPTION]...", "Create various IPC resources.",
        "-M, --shmem=SIZE" => "create shared memory segment of size SIZE",
        "-Q, --queue" => "create message queue",
        "-S, --semaphore=NUMBER" => "create semaphore array with NUMBER elements",
        "-p, --mode=MODE" => "permission for the resource (default is 0644)";
    "ipcrm", "[OPTION]...", "Remove certain IPC resources.",
        "-M, --shmem-key=KEY" => "remove shared memory segment by key",
        "-Q, --queue-key=KEY" => "remove message queue by key",
        "-S, --semaphore-key=KEY" => "remove semaphore by key",
        "-a, --all" => "remove all",
        "-m, --shmem-id=ID" => "remove shared memory segment by id",
        "-q, --queue-id=ID" => "remove message queue by id",
        "-s, --semaphore-id=ID" => "remove semaphore by id",
        "-v, --verbose" => "explain what is being done";
    "ipcs", "[OPTION]...", "Show information on IPC facilities.",
        "-a, --all" => "all (default)",
        "-c, --creator" => "show creator and owner",
        "-l, --limits" => "show resource limits",
        "-m, --shmems" => "shared memory segments",
        "-q, --queues" => "message queues",
        "-s, --semaphores" => "semaphores";
    "kill", "[-s SIGNAL | -SIGNAL] PID...", "Send a signal to processes.",
        "-L, --table" => "list all signal names in a nice table",
        "-l, --list" => "list signal names";
    "ln", "[OPTION]... TARGET LINK_NAME", "Create a link to TARGET with the name LINK_NAME.",
        "-f, --force" => "remove existing destination files",
        "-s, --symbolic" => "make symbolic links instead of hard links",
        "-v, --verbose" => "print name of each linked file";
    "ls", "[OPTION]... [FILE]...", "List information about the FILEs (the current directory by default).",
        "-a, --all" => "do not ignore entries starting with .",
        "-A, --almost-all" => "do not list implied . and ..",
        "-d, --directory" => "list directories themselves, not their contents",
        "-F, --classify" => "append indicator (one of */=>@|) to entries",
        "-h, --human-readable" => "with -l and -s, print sizes like 1K 234M 2G etc.",
        "-l" => "use a long listing format",
        "-n, --numeric-uid-gid" => "like -l, but list numeric user and group IDs",
        "-r, --reverse" => "reverse order while sorting",
        "-R, --recursive" => "list subdirectories recursively",
        "-S" => "sort by file size, largest first",
        "-t" => "sort by time, newest first",
        "-1" => "list one file per line";
    "mkdir", "[OPTION]... DIRECTORY...", "Create the DIRECTORY(ies), if they do not already exist.",
        "-m, --mode=MODE" => "set file mode (as in chmod), not a=rwx - umask",
        "-p, --parents" => "no error if existing, make parent directories as needed",
        "-v, --verbose" => "print a message for each created directory";
    "mount", "[OPTION]... [SOURCE] [DIRECTORY]", "Mount a filesystem, or list those that are mounted.",
        "-B, --bind" => "mount a subtree somewhere else",
        "-M, --move" => "move a subtree to some other place",
        "-R, --rbind" => "mount a subtree and all submounts somewhere else",
        "--make-private" => "mark a subtree as private",
        "--make-rprivate" => "recursively mark a whole subtree as private",
        "--make-rshared" => "recursively mark a whole subtree as shared",
        "--make-rslave" => "recursively mark a whole subtree as slave",
        "--make-shared" => "mark a subtree as shared",
        "--make-slave" => "mark a subtree as slave",
        "--make-unbindable" => "mark a subtree as unbindable",
        "-o, --options=LIST" => "comma-separated list of mount options",
        "-r, --read-only" => "mount the filesystem read-only",
        "-t, --types=LIST" => "the filesystem type: overlay, proc, tmpfs",
        "-v, --verbose" => "say what is being done";
    "mountpoint", "[-q] DIRECTORY", "Check whether a directory is a mountpoint.",
        "-q, --quiet" => "quiet mode - don't print anything";
    "mv", "[OPTION]... SOURCE... DEST", "Rename SOURCE to DEST, or move SOURCE(s) to DIRECTORY.",
        "-f, --force" => "do not prompt before overwriting",
        "-n, --no-clobber" => "do not overwrite an existing file",
        "-t, --target-directory=DIRECTORY" => "move all SOURCE arguments into DIRECTORY",
        "-v, --verbose" => "explain what is being done";
    "nproc", "[OPTION]...", "Print the number of processing units available to the current process.",
        "--all" => "print the number of installed processors",
        "--ignore=N" => "if possible, exclude N processing units";
    "nsenter", "[options] [<program> [<argument>...]]", "Run a program with namespaces of other processes.",
        "-a, --all" => "enter all namespaces",
        "-t, --target <pid>" => "target process to get namespaces from",
        "-m, --mount" => "enter mount namespace",
        "-u, --uts" => "enter UTS namespace (hostname etc)",
        "-i, --ipc" => "enter System V IPC namespace",
        "-n, --net" => "enter network namespace",
        "-p, --pid" => "enter pid namespace",
        "-C, --cgroup" => "enter cgroup namespace",
        "-U, --user" => "enter user namespace",
        "-S, --setuid <uid>" => "set uid in entered namespace",
        "-G, --setgid <gid>" => "set gid in entered namespace",
        "--preserve-credentials" => "do not touch uids or gids",
        "-F, --no-fork" => "do not fork before exec'ing <program>";
    "pivot_root", "NEW_ROOT PUT_OLD", "Change the root filesystem.";
    "printenv", "[VARIABLE]...", "Print the values of the specified environment VARIABLE(s).";
    "printf", "FORMAT [ARGUMENT]...", "Print ARGUMENT(s) according to FORMAT.";
    "ps", "[options]", "Report a snapshot of the current processes.",
        "-e" => "all processes",
        "-f" => "full-format listing",
        "-o FORMAT" => "user-defined format: pid,ppid,pgid,sid,user,stat,comm,args",
        "-p LIST" => "select by process id";
    "pstree", "[OPTION]... [PID]", "Display a tree of processes.",
        "-p" => "show process ids";
    "pwd", "[OPTION]...", "Print the full filename of the current working directory.",
        "-P" => "avoid all symlinks";
    "readlink", "[OPTION]... FILE...", "Print value of a symbolic link or canonical file name.",
        "-f, --canonicalize" => "canonicalize by following every symlink in every component";
    "rm", "[OPTION]... [FILE]...", "Remove (unlink) the FILE(s).",
        "-d, --dir" => "remove empty directories",
        "-f, --force" => "ignore nonexistent files and arguments, never prompt",
        "-r, --recursive" => "remove directories and their contents recursively",
        "-v, --verbose" => "explain what is being done";
    "rmdir", "[OPTION]... DIRECTORY...", "Remove the DIRECTORY(ies), if they are empty.",
        "-p, --parents" => "remove DIRECTORY and its ancestors";
    "sed", "[OPTION]... SCRIPT [FILE]...", "Stream editor for filtering and transforming text.",
        "-E, --regexp-extended" => "use extended regular expressions in the script",
        "-e, --expression=SCRIPT" => "add the script to the commands to be executed",
        "-i, --in-place" => "edit files in place",
        "-n, --quiet" => "suppress automatic printing of pattern space";
    "seq", "[OPTION]... [FIRST [INCREMENT]] LAST", "Print numbers from FIRST to LAST, in steps of INCREMENT.",
        "-s STRING" => "use STRING to separate numbers",
        "-w" => "equalize width by padding with leading zeroes";
    "setsid", "[OPTION]... PROGRAM [ARG]...", "Run a program in a new session.",
        "-f, --fork" => "always fork",
        "-w, --wait" => "wait program to exit, and use the same return";
    "sh", "[-eux] [-c COMMAND | FILE] [ARG]...", "The command interpreter.",
        "-c COMMAND" => "read commands from the argument",
        "-e" => "exit at once if a command fails",
        "-u" => "expanding an unset variable is an error",
        "-x" => "write each command to standard error before it is executed";
    "sha256sum", "[FILE]...", "Print SHA256 (256-bit) checksums.";
    "sleep", "NUMBER[SUFFIX]...", "Pause for NUMBER seconds; SUFFIX may be s, m, h or d.";
    "sort", "[OPTION]... [FILE]...", "Write sorted concatenation of all FILE(s) to standard output.",
        "-f" => "fold lower case to upper case characters",
        "-h, --human-numeric-sort" => "compare human readable numbers (e.g., 2K 1G)",
        "-k, --key=KEYDEF" => "sort via a key; KEYDEF gives location and type",
        "-n, --numeric-sort" => "compare according to string numerical value",
        "-r, --reverse" => "reverse the result of comparisons",
        "-t SEP" => "use SEP instead of non-blank to blank transition",
        "-u, --unique" => "output only the first of an equal run";
    "stat", "[OPTION]... FILE...", "Display file status.",
        "-c, --format=FORMAT" => "use the specified FORMAT: %a %A %s %n %N %u %U %g %G %F %h %y %Y",
        "-L, --dereference" => "follow links";
    "tail", "[OPTION]... [FILE]...", "Print the last 10 lines of each FILE to standard output.",
        "-c, --bytes=NUM" => "output the last NUM bytes; +NUM: starting with byte NUM",
        "-f, --follow" => "output appended data as the file grows",
        "-n, --lines=NUM" => "output the last NUM lines; +NUM: starting with line NUM",
        "-q" => "never output headers giving file names";
    "tar", "-c|-t|-x [-v] [-f ARCHIVE] [-C DIR] [FILE]...", "Save many files together into a single archive, and restore them.",
        "-C, --directory=DIR" => "change to directory DIR",
        "-c, --create" => "create a new archive",
        "-f, --file=ARCHIVE" => "use archive file ARCHIVE",
        "-t, --list" => "list the contents of an archive",
        "-v, --verbose" => "verbosely list files processed",
        "-x, --extract" => "extract files from an archive";
    "taskset", "[OPTION]... [MASK|CPU-LIST] [PID|COMMAND [ARG]...]", "Show or change the CPU affinity of a process.",
        "-a, --all-tasks" => "operate on all the tasks (threads) for a given pid",
        "-p, --pid" => "operate on existing given pid",
        "-c, --cpu-list" => "display and specify cpus in list format";
    "tee", "[OPTION]... [FILE]...", "Copy standard input to each FILE, and also to standard output.",
        "-a, --append" => "append to the given FILEs, do not overwrite";
    "touch", "[OPTION]... FILE...", "Update the modification time of each FILE to the current time.",
        "-c, --no-create" => "do not create any files",
        "-d, --date=STRING" => "use STRING instead of current time: @SECONDS";
    "tr", "[OPTION]... STRING1 [STRING2]", "Translate, squeeze, and/or delete characters from standard input.",
        "-c" => "use the complement of STRING1",
        "-d, --delete" => "delete characters in STRING1, do not translate",
        "-s, --squeeze-repeats" => "replace each sequence of a repeated character with one";
    "truncate", "OPTION... FILE...", "Shrink or extend the size of each FILE to the specified size.",
        "-c, --no-create" => "do not create any files",
        "-s, --size=SIZE" => "set the file size to SIZE bytes";
    "umount", "[OPTION]... SOURCE|DIRECTORY...", "Unmount filesystems.",
        "-l, --lazy" => "detach the filesystem now, clean up things later",
        "-q, --quiet" => "suppress 'not mounted' error messages",
        "-R, --recursive" => "recursively unmount a target with all its children",
        "-v, --verbose" => "say what is being done";
    "uname", "[OPTION]...", "Print certain system information. With no OPTION, same as -s.",
        "-a, --all" => "print all information",
        "-m, --machine" => "print the machine hardware name",
        "-n, --nodename" => "print the network node hostname",
        "-r, --kernel-release" => "print the kernel release",
        "-s" => "print the kernel name";
    "uniq", "[OPTION]... [FILE]", "Filter adjacent matching lines.",
        "-c" => "prefix lines by the number of occurrences",
        "-d" => "only print duplicate lines, one for each group",
        "-i" => "ignore differences in case when comparing",
        "-u" => "only print unique lines";
    "unshare", "[OPTION]... [PROGRAM [ARG]...]", "Run a program with some namespaces unshared from the parent.",
        "-C, --cgroup" => "unshare cgroup namespace",
        "-f, --fork" => "fork before launching PROGRAM",
        "-i, --ipc" => "unshare System V IPC namespace",
        "-m, --mount" => "unshare mounts namespace",
        "--mount-proc" => "mount proc filesystem first (implies --mount)",
        "-n, --net" => "unshare network namespace",
        "-p, --pid" => "unshare pid namespace",
        "-T, --time" => "unshare time namespace",
        "-U, --user" => "unshare user namespace",
        "-u, --uts" => "unshare UTS namespace (hostname etc)";
    "wc", "[OPTION]... [FILE]...", "Print newline, word, and byte counts for each FILE.",
        "-c, --bytes" => "print the byte counts",
        "-l, --lines" => "print the newline counts",
        "-m, --chars" => "print the character counts",
        "-w, --words" => "print the word counts";
    "which", "NAME...", "Locate a command.";
    "whoami", "", "Print the user name associated with the current effective user ID.";
    "xargs", "[OPTION]... COMMAND [INITIAL-ARGS]...", "Run COMMAND with arguments INITIAL-ARGS and more arguments read from input.",
        "-0, --null" => "items are separated by a null, not whitespace",
        "-I R" => "replace R in INITIAL-ARGS with names read from standard input",
        "-n, --max-args=MAX-ARGS" => "use at most MAX-ARGS arguments per command line",
        "-r, --no-run-if-empty" => "if there are no arguments, then do not run COMMAND",
        "-t, --verbose" => "print commands before executing them";
    "yes", "[STRING]...", "Repeatedly output a line with all specified STRING(s), or 'y'.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Errno, Ret, Sys};
    use crate::program::Program;

    /// What a tool writes to standard error when nothing is there.
    fn complaint(argv: &[&str]) -> String {
        let argv: Vec<String> = argv.iter().map(|arg| (*arg).to_owned()).collect();
        let (mut program, mut last, mut said) = (Program::start(&argv, &[]), Ret::Start, String::new());
        for _ in 0..200 {
            last = match program.resume(last) {
                Sys::Exit { .. } => break,
                Sys::Write { data, .. } => {
                    said += &String::from_utf8_lossy(&data);
                    Ret::Int(data.len() as i64)
                }
                _ => Ret::Err(Errno::ENOENT),
            };
        }
        said
    }

    #[test]
    fn every_tool_takes_the_options_it_is_said_to_take() {
        for tool in TOOLS {
            for flag in tool.options {
                for word in flag.words() {
                    let value: &[&str] = if flag.takes_value() { &["1"] } else { &[] };
                    let operand: &[&str] = if tool.name == "find" { &[] } else { &["operand"] };
                    let argv = [&[tool.name, "/bin/x", word], value, operand].concat();
                    let said = complaint(&argv);
                    for refused in
                        ["invalid option", "unrecognized", "Illegal option", "unknown predicate", "not simulated"]
                    {
                        assert!(!said.contains(refused), "{argv:?}: {said}");
                    }
                }
            }
        }
    }

    #[test]
    fn tools_are_in_order_and_explain_themselves() {
        assert!(TOOLS.is_sorted_by_key(|tool| tool.name));
        let said = complaint(&["ls", "/bin/ls", "--help"]);
        assert!(said.starts_with("Usage: ls [OPTION]... [FILE]...\nList information"), "{said}");
        assert!(said.contains("\n  -a, --all  "), "{said}");
    }
}
