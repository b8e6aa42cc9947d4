//! The parser beside the real client, line by line. The goldens are what the client of Debian's docker.io said
//! (`tests/record/docker-cli.sh`); nobody types them.

use super::*;
use crate::docker::{ClientStdin, ObjectKind};
use crate::sim::Set;

const GOLDENS: &str = include_str!("../../../tests/goldens/docker-cli/client.txt");
const GOLDENS_TODAY: &str = include_str!("../../../tests/goldens/docker-cli/client-today.txt");
/// How the real client ends when it would have asked the daemon.
const NO_DAEMON: &str = "Cannot connect to the Docker daemon";

/// Lines that are answered in another way on purpose. One that comes to agree must leave this list.
const DIFFERENT: &[(&str, &str)] =
    &[("run --add-host x img", "refused by name before its value is looked at: containers have no network here")];

const DIFFERENT_TODAY: &[(&str, &str)] = DIFFERENT;

struct Golden {
    line: String,
    stdout: String,
    stderr: String,
    exit_code: i32,
}

fn goldens(text: &str) -> Vec<Golden> {
    let mut all: Vec<Golden> = Vec::new();
    for row in text.lines() {
        if let Some(line) = row.strip_prefix("$ docker ") {
            let (stdout, stderr) = (String::new(), String::new());
            all.push(Golden { line: line.to_string(), stdout, stderr, exit_code: -1 });
        } else if let Some(last) = all.last_mut() {
            match row.split_at_checked(2) {
                Some(("1>", text)) => last.stdout += &format!("{text}\n"),
                Some(("2>", text)) => last.stderr += &format!("{text}\n"),
                Some(("= ", code)) => last.exit_code = code.parse().unwrap(),
                _ => {}
            }
        }
    }
    all
}

impl Golden {
    /// The help of one command: its options are the course's in both eras.
    fn lists_options(&self) -> bool {
        self.stdout.contains("\nOptions:\n")
    }
}

fn first_difference(real: &Golden, ours: &Golden) -> String {
    for (name, real, ours) in [("stdout", &real.stdout, &ours.stdout), ("stderr", &real.stderr, &ours.stderr)] {
        let (mut real, mut ours) = (real.split('\n'), ours.split('\n'));
        loop {
            match (real.next(), ours.next()) {
                (None, None) => break,
                (real, ours) if real == ours => {}
                (real, ours) => return format!("{name}: real {real:?}, ours {ours:?}"),
            }
        }
    }
    format!("exit code: real {}, ours {}", real.exit_code, ours.exit_code)
}

fn words(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap(),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        out.push(word.to_string());
        rest = after.trim_start();
    }
    out
}

fn invoke(line: &str) -> Invocation {
    invoke_in(Era::Course, line)
}

fn invoke_in(era: Era, line: &str) -> Invocation {
    let mut env = vec!["HOME=/home/learner".to_string(), "C=own".to_string()];
    env.extend((era == Era::Today).then(|| CLIENT_OF_TODAY.to_string()));
    parse(&words(line), &env)
}

fn printed(line: &str) -> Printed {
    match invoke(line) {
        Invocation::Print(printed) => printed,
        other => panic!("`docker {line}` is {other:?}"),
    }
}

fn request(line: &str) -> Request {
    match invoke(line) {
        Invocation::Ask(order) => order.request,
        other => panic!("`docker {line}` is {other:?}"),
    }
}

#[test]
fn the_client_says_what_the_real_client_says() {
    let same = compared(GOLDENS, Era::Course, DIFFERENT);
    assert!(same >= 200, "only {same} command lines were compared");
}

#[test]
fn the_client_of_today_says_what_the_real_one_says() {
    let same = compared(GOLDENS_TODAY, Era::Today, DIFFERENT_TODAY);
    assert!(same >= 150, "only {same} command lines were compared");
}

fn compared(recorded: &str, era: Era, differences: &[(&str, &str)]) -> usize {
    let (mut wrong, mut same) = (String::new(), 0);
    for golden in goldens(recorded) {
        if era == Era::Today && golden.lists_options() {
            continue;
        }
        let agrees = match invoke_in(era, &golden.line) {
            Invocation::Print(printed) => {
                (&printed.stdout, &printed.stderr, printed.exit_code)
                    == (&golden.stdout, &golden.stderr, golden.exit_code)
            }
            // What needs files or a terminal is judged with the client program.
            Invocation::Ask(order) if !order.env_files.is_empty() || order.stdin.is_some() => continue,
            Invocation::Ask(_) | Invocation::Build(_) => (golden.stdout.clone() + &golden.stderr).contains(NO_DAEMON),
        };
        let different = differences.iter().any(|(line, _)| *line == golden.line);
        match (agrees, different) {
            (true, false) => same += 1,
            (false, true) => {}
            (true, true) => wrong += &format!("no longer different: docker {}\n", golden.line),
            (false, false) => {
                let ours = match invoke_in(era, &golden.line) {
                    Invocation::Print(Printed { stdout, stderr, exit_code }) => {
                        Golden { line: String::new(), stdout, stderr, exit_code }
                    }
                    asked => {
                        wrong += &format!("docker {}: {asked:?}\n", golden.line);
                        continue;
                    }
                };
                wrong += &format!("docker {}: {}\n", golden.line, first_difference(&golden, &ours));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    same
}

#[test]
fn a_run_line_becomes_a_request() {
    let Request::Run(run) =
        request("run -d --name web -p 8080:80 -v /a:/b:ro -e A=b -e C -l k=v -w /x -u 1:2 -h box img sh -c 'exit 3'")
    else {
        panic!("not a run");
    };
    let config = &run.config;
    assert_eq!((config.image.as_str(), config.name.as_deref()), ("img", Some("web")));
    assert_eq!(config.argv, ["sh", "-c", "exit 3"]);
    assert_eq!(config.env, ["A=b", "C=own"]);
    assert_eq!(config.volumes, [("/a".to_string(), "/b".to_string(), true)]);
    assert_eq!(config.labels, [("k".to_string(), "v".to_string())]);
    assert_eq!((config.workdir.as_deref(), config.user.as_deref()), (Some("/x"), Some("1:2")));
    assert_eq!((config.hostname.as_deref(), run.detach, run.remove), (Some("box"), true, false));
    assert_eq!(run.stdin, ClientStdin::None);
}

#[test]
fn flags_after_the_image_belong_to_the_command() {
    let Request::Run(run) = request("run --rm=false -it=false img -it --rm") else { panic!("not a run") };
    assert_eq!(run.config.argv, ["-it", "--rm"]);
    assert!(!run.remove);
}

#[test]
fn open_input_without_a_client_is_kept_in_the_configuration() {
    let Invocation::Ask(order) = invoke("run -dit img") else { panic!("not asked") };
    let Request::Run(run) = &order.request else { panic!("not a run") };
    assert_eq!((run.config.open_stdin, run.config.tty, order.stdin), (true, true, None));
}

#[test]
fn group_commands_and_aliases_mean_what_the_short_ones_mean() {
    let pairs = [
        ("container run --rm img ls", "run --rm img ls"),
        ("container ls -a", "ps -a"),
        ("container ps -a", "ps -a"),
        ("image ls", "images"),
        ("image list -q", "images -q"),
        ("image rm a", "rmi a"),
        ("image remove a", "rmi a"),
        ("container rm -f a", "rm -f a"),
        ("system info", "info"),
    ];
    for (long, short) in pairs {
        assert_eq!(invoke(long), invoke(short), "docker {long}");
    }
    assert_eq!(invoke("image build ."), invoke("build ."));
    let kind = |line| match request(line) {
        Request::Inspect { kind, .. } => kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind("image inspect a"), Some(ObjectKind::Image));
    assert_eq!(kind("container inspect a"), Some(ObjectKind::Container));
    assert_eq!(kind("inspect --type image a"), Some(ObjectKind::Image));
}

/// A line that is right but for the flags.
fn plain_line(path: &str, command: &Command) -> Vec<String> {
    let count = match command.arity {
        Arity::None | Arity::AtMost(_) => 0,
        Arity::Exactly(n) | Arity::AtLeast(n) | Arity::Between(n, _) => n,
    };
    let mut words: Vec<String> = path.split(' ').map(str::to_string).collect();
    words.extend((0..count).map(|index| format!("a{index}")));
    words
}

fn every_command() -> Vec<(String, &'static Command)> {
    let mut all = Vec::new();
    for top in ROOT.children() {
        all.push((top.name.to_string(), top));
        all.extend(top.children().iter().map(|child| (format!("{} {}", top.name, child.name), child)));
    }
    all
}

#[test]
fn no_flag_is_ignored_in_silence() {
    for (path, command) in every_command() {
        let Does::Action(_) = command.does else { continue };
        let plain = plain_line(&path, command);
        let before = parse(&plain, &[]);
        assert!(!matches!(before, Invocation::Print(_)), "docker {plain:?}: {before:?}");
        for flag in command.sorted_flags().into_iter().filter(|flag| flag.long != "help") {
            let value = match (flag.kind, flag.default) {
                (grammar::Kind::Bool, "true") => "=false",
                (grammar::Kind::Bool, _) => "=true",
                (grammar::Kind::Duration, _) => "=5s",
                (_, _) if flag.long == "type" => "=image",
                (_, _) if flag.long == "volume" => "=/a:/b",
                (grammar::Kind::Env | grammar::Kind::Label | grammar::Kind::Filter, _) => "=a=b",
                _ => "=7",
            };
            let mut words = plain.clone();
            words.insert(path.split(' ').count(), format!("--{}{value}", flag.long));
            let after = parse(&words, &[]);
            match flag.support {
                grammar::Support::Works => assert_ne!(after, before, "docker {words:?} changes nothing"),
                grammar::Support::Harmless => assert_eq!(after, before, "docker {words:?} changes something"),
                grammar::Support::Only(..) | grammar::Support::Refused(_) => {
                    let Invocation::Print(printed) = after else { panic!("docker {words:?} is let through") };
                    // A conflict between flags may be named first, as by the real client.
                    let named = printed.stderr.contains(&format!("--{}", flag.long));
                    let switched_off = value == "=false";
                    assert!(named || switched_off, "docker {words:?}: {}", printed.stderr);
                }
            }
        }
    }
}

#[test]
fn what_is_not_simulated_says_so_and_what_to_do() {
    let compose = printed("compose up -d");
    assert_eq!(compose.exit_code, 1);
    assert!(compose.stderr.starts_with("docker: 'docker compose' is not simulated here: "), "{}", compose.stderr);
    for (path, command) in every_command() {
        if let Does::Refused(reason) = command.does {
            let printed = printed(&path);
            assert!(printed.stderr.contains(reason), "docker {path}: {}", printed.stderr);
            assert_eq!((printed.exit_code, printed.stdout.as_str()), (1, ""));
        }
    }
    let memory = printed("run --memory-reservation 64m img");
    assert!(memory.stderr.starts_with("docker: --memory-reservation is not simulated here: "), "{}", memory.stderr);
    assert_eq!(memory.exit_code, 125);
}

#[test]
fn the_grammar_has_no_name_twice() {
    for (path, command) in every_command() {
        let flags = command.sorted_flags();
        let longs: Set<&str> = flags.iter().map(|flag| flag.long).collect();
        let shorts: Set<char> = flags.iter().filter_map(|flag| flag.short).collect();
        assert_eq!(longs.len(), flags.len(), "docker {path}");
        assert_eq!(shorts.len(), flags.iter().filter(|flag| flag.short.is_some()).count(), "docker {path}");
        let names: Vec<&str> = command.children().iter().map(|child| child.name).collect();
        assert_eq!(names.iter().collect::<Set<_>>().len(), names.len(), "docker {path}");
    }
}

#[test]
fn references_are_judged_as_by_the_real_client() {
    for good in
        ["a", "a:b", "a/b:1.2-x", "localhost:5000/a", "quay.io/a/b@sha256:0123456789abcdef0123456789abcdef", "a__b"]
    {
        assert_eq!(reference::check(good), Ok(()), "{good}");
    }
    for bad in ["", "-", "a:", "a::b", "a b", "a//b", "A", "a/", "/a", "a_", "a:.x", "a@b", &"a".repeat(256)] {
        assert!(reference::check(bad).is_err(), "{bad}");
    }
}

#[test]
fn any_line_has_an_answer() {
    use crate::sim::Rng;
    let mut rng = Rng::for_guest(7, 1);
    let pieces = [
        "run", "build", "image", "ls", "ps", "exec", "-", "--", "-it", "-e", "=", "--rm=", "--name", "a:b", "é", "-é",
        "'", "-p", "1:2:3", "-v", ":", "::", "-m", "9g", "help", "--help", "-h", "\u{0}", "", "-ü=x", "--=", "@",
        "sha256:",
    ];
    for _ in 0..5_000 {
        let count = rng.below(6);
        let words: Vec<String> =
            (0..count).map(|_| pieces[rng.below(pieces.len() as u64) as usize].to_string()).collect();
        if let Invocation::Print(printed) = parse(&words, &[]) {
            assert!(!printed.stdout.is_empty() || !printed.stderr.is_empty(), "docker {words:?}");
        }
    }
}

#[test]
fn what_is_refused_is_told_in_words_that_fit_wherever_they_are_read() {
    fn reasons(command: &Command, out: &mut Vec<&'static str>) {
        let flags = command.flags.iter().flat_map(|part| part.iter()).filter_map(|flag| match flag.support {
            grammar::Support::Refused(reason) | grammar::Support::Only(_, reason) => Some(reason),
            _ => None,
        });
        out.extend(flags);
        if let Does::Refused(reason) = command.does {
            out.push(reason);
        }
        command.children().iter().for_each(|child| reasons(child, out));
    }
    let mut all = Vec::new();
    reasons(&ROOT, &mut all);
    PLUGINS.iter().for_each(|plugin| reasons(plugin, &mut all));
    assert!(all.len() > 50);
    for reason in all {
        assert!(!reason.split(' ').any(|word| ["page", "timeline", "editor", "Tab"].contains(&word)), "{reason}");
    }
}
