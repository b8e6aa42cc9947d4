use super::*;
use crate::session::Severity;

const RECORDED: &str = include_str!("../../../tests/goldens/docker/dockerfile.txt");

/// A recorded build: the file, what was printed.
struct Case {
    name: &'static str,
    text: String,
    printed: Vec<&'static str>,
}

fn recorded() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in RECORDED.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name, text: String::new(), printed: Vec::new() });
        } else if let (Some(case), Some(rest)) = (cases.last_mut(), line.strip_prefix('|')) {
            case.text.push_str(rest.strip_prefix(' ').unwrap_or(rest));
            case.text.push('\n');
        } else if let (Some(case), Some(printed)) = (cases.last_mut(), line.strip_prefix("> ")) {
            case.printed.push(printed);
        }
    }
    cases
}

fn recorded_text(name: &str) -> String {
    recorded().into_iter().find(|case| case.name == name).unwrap().text
}

#[test]
fn every_recorded_file_has_docker_s_error_or_docker_s_steps() {
    let cases = recorded();
    assert!(cases.len() >= 140, "{}", cases.len());
    for case in cases {
        let refused = case.printed.iter().find_map(|line| line.strip_prefix("Error response from daemon: "));
        match parse(&case.text) {
            Err(error) => assert_eq!(Some(error.to_string().as_str()), refused, "{}", case.name),
            Ok(dockerfile) => {
                assert_eq!(None, refused, "{}", case.name);
                let count = dockerfile.statements.len();
                let step = |(i, s): (usize, &Statement)| format!("Step {}/{count} : {}", i + 1, s.original);
                let steps: Vec<String> = dockerfile.statements.iter().enumerate().map(step).collect();
                let printed: Vec<&str> = case.printed.iter().filter(|l| l.starts_with("Step ")).copied().collect();
                assert!(!printed.is_empty(), "{}", case.name);
                assert_eq!(printed, steps[..printed.len()], "{}", case.name);
                let warned: Vec<&str> = dockerfile.warnings.iter().flat_map(|warning| warning.lines()).collect();
                assert_eq!(case.printed[..warned.len()], warned, "{}", case.name);
            }
        }
    }
}

#[test]
fn exec_form_is_a_json_array_and_all_else_is_shell_form() {
    let command = |line: &str| match parse(&format!("FROM a\nCMD {line}\n")).unwrap().statements.remove(1).instruction {
        Instruction::Cmd(command) => command,
        other => panic!("{other:?}"),
    };
    let exec = |argv: &[&str]| Command::Exec(argv.iter().map(|s| (*s).to_owned()).collect());
    assert_eq!(command(r#"["a", "b c"]"#), exec(&["a", "b c"]));
    assert_eq!(command(r#"["a"] => last"#), exec(&["a"]));
    assert_eq!(command("[]"), exec(&[]));
    assert_eq!(command("['a']"), Command::Shell("['a']".to_owned()));
    assert_eq!(command("echo  $A "), Command::Shell("echo  $A".to_owned()));
}

#[test]
fn flags_and_names_are_taken_apart() {
    let text =
        "ARG V=1\nFROM --platform=linux/amd64 a AS Build\nCOPY --from=0 --chown=5:6 a b /c/\nENV A=1 B=\"x y\"\n";
    let statements = parse(text).unwrap().statements;
    let expected_from =
        Instruction::From { base: "a".into(), name: Some("build".into()), platform: Some("linux/amd64".into()) };
    assert_eq!(statements[1].instruction, expected_from);
    let transfer = Transfer {
        sources: vec!["a".into(), "b".into()],
        destination: "/c/".into(),
        from: Some("0".into()),
        chown: Some("5:6".into()),
        chmod: None,
    };
    assert_eq!(statements[2].instruction, Instruction::Copy(transfer));
    let pairs = vec![("A".to_owned(), "1".to_owned()), ("B".to_owned(), "\"x y\"".to_owned())];
    assert_eq!(statements[3].instruction, Instruction::Env(pairs));
}

#[test]
fn a_healthcheck_s_durations_are_go_s() {
    let ns = instruction::duration_ns;
    assert_eq!(
        [ns("5s"), ns("1h1m"), ns("1.5ms"), ns("0"), ns(".5s")].map(Option::unwrap),
        [5_000_000_000, 3_660_000_000_000, 1_500_000, 0, 500_000_000]
    );
    assert_eq!([ns(""), ns("5"), ns("s"), ns("1x"), ns("1..5s")], [None; 5]);
}

#[test]
fn places_point_at_the_text() {
    let text = "  FROM a\n\nRUNN \\\n  echo a\n";
    let error = parse(text).unwrap_err();
    assert_eq!(error.span, Span { line: 3, column: 1, length: 4, last_line: 4 });
    let (dockerfile, _) = read(text);
    assert_eq!(dockerfile.statements[0].span, Span { line: 1, column: 3, length: 6, last_line: 1 });
}

#[test]
fn the_notes_third_file_is_explained_line_by_line() {
    let diagnostics = diagnose(&recorded_text("notes-3"));
    let first = &diagnostics[0];
    assert_eq!((first.line, first.column, first.length, first.severity), (1, 15, 14, Severity::Error));
    assert_eq!(first.message, "FROM requires either one or three arguments");
    assert!(first.help.contains("A comment stands on a line of its own"), "{}", first.help);
    let lines: Vec<u32> = diagnostics.iter().map(|diagnostic| diagnostic.line).collect();
    assert_eq!(lines, [1, 3, 5, 7, 7, 8]);
}

/// Each line of a file, and the beginning of what is said about it.
fn check(text: &str, expected: &[(u32, u32, &str)]) {
    let found = diagnose(text);
    let found: Vec<(u32, u32, &str)> = found.iter().map(|d| (d.line, d.column, d.message.as_str())).collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found.0, found.1) == (expected.0, expected.1) && found.2.starts_with(expected.2), "{found:?}");
    }
}

#[test]
fn what_builds_but_surprises_is_noted() {
    check("FROM a:1\nRUN cd /srv\nRUN cd /srv && ls\n", &[(2, 5, "`cd` lasts")]);
    check("FROM a:1\nCMD a\nCMD b\n", &[(2, 1, "Only the last `CMD`")]);
    check("FROM a:1 AS b\nCMD a\nFROM a:1\nCMD b\n", &[]);
    check("FROM a:1\nCOPY x /x\nRUN chmod +x /x\n", &[(3, 5, "A layer cannot change")]);
    check("FROM a:1\nCOPY x /d/\nRUN true && chown 5 /d/x\n", &[(3, 13, "A layer cannot change")]);
    check("FROM a:1\nRUN apt-get update && apt-get install curl\n", &[(2, 5, "`apt-get` asks")]);
    check("FROM a:1\nRUN yum -y update && yum install -qy httpd\n", &[]);
    check("FROM a:1\nCMD ['a']\n", &[(2, 5, "This is no JSON")]);
    check("FROM a:1\nRUN <<EOF\nLABEL a=b\n", &[(2, 5, "Here-documents need BuildKit")]);
    check("FROM a\n", &[(1, 1, "`a` is `a:latest`")]);
    check("FROM scratch\nADD a.tar /\nADD b /\n", &[(3, 1, "`ADD` also unpacks")]);
}

#[test]
fn an_unknown_instruction_is_answered_with_the_nearest() {
    let help = |text: &str| diagnose(text).remove(0).help;
    assert_eq!(help("FORM a:1\n"), "Did you mean `FROM`?");
    assert_eq!(help("FROM a:1\nENTRYPIONT a\n"), "Did you mean `ENTRYPOINT`?");
    assert_eq!(help("FROM a:1\napt-get update\n"), "To run a command while building, write `RUN apt-get`.");
    assert!(help("FROM a:1\nBANANA\n").starts_with("An instruction is one of FROM, RUN"));
}

#[test]
fn text_of_any_kind_is_read_without_a_panic() {
    let mut rng = crate::sim::Rng::new(3, crate::sim::Stream::Guests);
    let pieces = [
        "FROM a", "RUN", " ", "\\", "\n", "[\"", "é", "\"", "--x=", "${a:-", "ENV a=", "#", "'", "\t", "ARG",
        "\u{feff}",
    ];
    for _ in 0..5_000 {
        let count = rng.below(12);
        let text: String = (0..count).map(|_| pieces[rng.below(pieces.len() as u64) as usize]).collect();
        let _ = parse(&text);
        for diagnostic in diagnose(&text) {
            assert!(diagnostic.line >= 1 && diagnostic.column >= 1 && diagnostic.length >= 1, "{text:?}");
        }
        let _ = expand_words(&text, &["a=1".to_owned()], '\\');
    }
}
