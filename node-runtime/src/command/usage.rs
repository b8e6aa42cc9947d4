//! What each command is for and how it is called: one table, shown whole, a command at a time, or as one line.

/// Name, words after it, meaning.
const COMMANDS: [(&str, &str, &[&str]); 11] = [
    ("simulate", "LESSON [--json]", &["run a lesson's solution on the model and show the console"]),
    (
        "verify",
        "LESSON|CASE…|--all [--cases FOLDER] [--json] [--html FILE] [--explain FACT]",
        &[
            "run it on this machine's kernel as well, and compare call by call, fact by fact;",
            "a case is some lines typed at a node's shell: its name, its room's, or FILE.case",
        ],
    ),
    (
        "fuzz",
        "[--minutes N] [--seed S] [--out FOLDER]",
        &["random scenarios on both; where they part, the shortest that does, as a case"],
    ),
    (
        "record",
        "LESSON…|--all [--out FOLDER] [--json]",
        &["keep what this machine's kernel shows, for pages without one"],
    ),
    ("measure", "[--out FOLDER]", &["the figures of the course's plots, in a control group of its own"]),
    ("replay", "FILE [--json]", &["show what was recorded"]),
    (
        "shell",
        "[--node simulated|linux] [--files DIRECTORY] [--seed N] [--era course|today] [--json]",
        &[
            "type commands yourself: on the model, or with --node linux on this machine's kernel;",
            "--files copies a directory to be yours, --era chooses the docker client",
        ],
    ),
    (
        "run",
        toolbox::run::WORDS,
        &[
            "one container on a directory that is its `/`, without a node: new namespaces, nothing in the directory changes,",
            "nothing is left; exit code: the command's, 125 if it could not be started, 126 not executed, 127 not found",
        ],
    ),
    ("facts", "[--json]", &["the catalogue of facts: meaning, source, evidence, witness"]),
    ("doctor", "[--json]", &["what this machine can do, and what to do about the rest"]),
    ("bench", "[--json]", &["how long a call, a process, a container and a node take here, beside other runtimes"]),
];

const SERVE: &str = "  serve [--help]\n      the page over HTTP, with this machine's kernel beside it\n";
const EXIT_CODES: &str =
    "exit codes: 0 agrees, 1 differs, 2 wrong use, 3 this machine cannot; shell and run: as what they ran\n";
const LESSONS: &str =
    "--lessons FOLDER: a course in place of ./lessons or, without a tree, of the one in this program\n";

/// The text that was asked for, if one was: of the program, of one command, or its version.
pub fn asked_for(command: &str, rest: &[String]) -> Option<String> {
    match command {
        "--version" | "-V" | "version" => Some(format!("node-runtime {}\n", env!("CARGO_PKG_VERSION"))),
        "help" | "--help" | "-h" => Some(rest.first().and_then(|name| of(name)).unwrap_or_else(all)),
        name if rest.iter().any(|word| is_help(word)) => of(name),
        _ => None,
    }
}

pub fn is_help(word: &str) -> bool {
    matches!(word, "--help" | "-h")
}

pub fn all() -> String {
    let mut text = "usage: node-runtime COMMAND\n\n".to_owned();
    for (name, words, meaning) in COMMANDS {
        text += &format!("  {}\n", [name, words].join(" ").trim_end());
        text.extend(meaning.iter().map(|line| format!("      {line}\n")));
    }
    format!("{text}{SERVE}\n{LESSONS}COMMAND --help tells of one; --version of the program.\n{EXIT_CODES}")
}

/// One command in one line; of what is no command, how to learn of them.
pub fn line(name: &str) -> String {
    match COMMANDS.iter().find(|command| command.0 == name) {
        Some((name, words, _)) => format!("usage: node-runtime {}", [*name, *words].join(" ").trim_end()),
        None => "usage: node-runtime COMMAND (node-runtime --help lists them)".to_owned(),
    }
}

fn of(name: &str) -> Option<String> {
    if name == "serve" {
        return Some(crate::serve::USAGE.to_owned());
    }
    let (_, _, meaning) = COMMANDS.iter().find(|command| command.0 == name)?;
    let mut text = format!("{}\n\n", line(name));
    text.extend(meaning.iter().map(|line| format!("  {line}\n")));
    if super::options::takes(name, "--lessons") {
        text += &format!("  {LESSONS}");
    }
    Some(format!("{text}\n{EXIT_CODES}"))
}
