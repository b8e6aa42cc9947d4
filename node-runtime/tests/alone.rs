//! The program without a tree: it carries its course, and says what it cannot do without one.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// An empty folder to be in.
struct Nowhere(PathBuf);

impl Nowhere {
    fn new(name: &str) -> Nowhere {
        let folder = std::env::temp_dir().join(format!("alone-{name}-{}", std::process::id()));
        fs::create_dir(&folder).expect("a folder");
        Nowhere(folder)
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_node-runtime"));
        program.args(words).current_dir(&self.0).output().expect("node-runtime")
    }
}

impl Drop for Nowhere {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_lesson_runs_where_there_is_no_tree() {
    let nowhere = Nowhere::new("simulate");
    let output = nowhere.run(&["simulate", "metal-vm-container"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.starts_with("$ docker run") && shown.contains("\ntrace sha256:"), "{shown}");
}

#[test]
fn a_course_in_the_working_directory_takes_its_place() {
    let nowhere = Nowhere::new("tree");
    fs::create_dir_all(nowhere.0.join("lessons/content")).expect("a folder");
    fs::write(nowhere.0.join("lessons/content/course.toml"), "track = 1").expect("a map");
    let output = nowhere.run(&["simulate", "metal-vm-container"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(errors(&output).contains("lessons/images"), "{}", errors(&output));
}

#[test]
fn what_needs_a_tree_or_a_site_says_where_it_comes_from() {
    let nowhere = Nowhere::new("serve");
    let output = nowhere.run(&["serve"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(errors(&output).contains("cargo xtask build"), "{}", errors(&output));
    let output = nowhere.run(&["simulate", "x", "--lessons", "/proc"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(errors(&output).contains("content/course.toml"), "{}", errors(&output));
}

#[test]
fn a_shell_ends_with_the_status_that_sh_ends_with() {
    for script in ["exit 3", "false", "false\ntrue", "nothing\n", "(exit 300)", "cat\n", "kill -9 $$", "exit 4\nexit 5"]
    {
        for json in [&[][..], &["--json"]] {
            let shell = [&["shell"], json].concat();
            let ours = typed(Command::new(env!("CARGO_BIN_EXE_node-runtime")).args(shell), script);
            // A shell that a signal ended has no status of its own: 128+n is what another shell shows of it.
            let sh = typed(Command::new("sh").args(["-c", "sh; exit $?"]), script);
            assert_eq!(ours, sh, "{script:?} {json:?}");
        }
    }
}

/// The exit code of a program that reads `script` from a pipe.
fn typed(program: &mut Command, script: &str) -> Option<i32> {
    let quiet = program.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = quiet.spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(script.as_bytes()).expect("it reads");
    drop(input);
    child.wait().expect("it ends").code()
}

#[test]
fn each_command_tells_its_usage_and_what_was_wrong_last() {
    let nowhere = Nowhere::new("usage");
    let said = |words: &[&str]| {
        let output = nowhere.run(words);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), errors(&output))
    };
    let (code, all, _) = said(&["--help"]);
    assert_eq!(code, Some(0));
    let names: Vec<&str> = all
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.contains(&"shell") && names.contains(&"serve"), "{all}");
    for name in names {
        for help in ["--help", "-h"] {
            let (code, text, err) = said(&[name, help]);
            assert_eq!((code, err.as_str()), (Some(0), ""), "{name}");
            assert!(text.starts_with(&format!("usage: node-runtime {name}")), "{name}: {text}");
        }
        let (code, _, err) = said(&[name, "--sideways"]);
        let lines: Vec<&str> = err.lines().collect();
        // 2 may be what a container's command ended with.
        let wrong_use = if name == "run" { 125 } else { 2 };
        assert_eq!((code, lines.len()), (Some(wrong_use), 2), "{name}: {err}");
        assert!(lines[0].starts_with(&format!("usage: node-runtime {name}")), "{err}");
        assert!(lines[1].starts_with("node-runtime: ") && lines[1].contains("--sideways"), "{err}");
    }
    assert_eq!(said(&["--version"]).1, format!("node-runtime {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(said(&["fly"]).0, Some(2));
}

#[test]
fn a_file_that_is_no_recording_is_wrong_use() {
    let nowhere = Nowhere::new("replay");
    for (file, reason) in [("/etc/passwd", "is not a recording"), ("nothing", "cannot be read")] {
        let output = nowhere.run(&["replay", file]);
        assert_eq!(output.status.code(), Some(2));
        let told = format!("node-runtime: `{file}` {reason}");
        assert!(errors(&output).starts_with(&told), "{}", errors(&output));
    }
}

#[test]
fn json_is_one_object_a_line_and_totals_at_the_end() {
    let nowhere = Nowhere::new("json");
    let objects = |output: &Output| -> Vec<serde_json::Value> {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let output = nowhere.run(&["verify", "metal-vm-container", "--json"]);
    if output.status.code() == Some(3) {
        println!("SKIPPED: {}", errors(&output));
        return;
    }
    let objects = objects(&output);
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[1]["scenarios"], 1);
    for total in ["calls", "facts", "agree", "shared", "differ", "skipped"] {
        assert_eq!(objects[1][total], objects[0][total], "{total}");
        assert!(objects[1][total].is_u64(), "{total}");
    }
}
