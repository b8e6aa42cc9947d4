//! A container's life, from `docker run` to `docker rm`.

use super::*;
use crate::call::Errno;

#[test]
fn run_pulls_creates_starts_prints_and_exits_with_the_containers_code() {
    let mut b = bench();
    b.program("echo", Does::Prints(&[(Stream::Stdout, "hello\n"), (Stream::Stderr, "oops\n")], 3));
    let said = b.ask(run(named("web", &["echo", "hello"])));
    assert_eq!((said.stdout.as_str(), said.code), ("hello\n", Some(3)));
    let lines: Vec<&str> = said.stderr.lines().collect();
    assert_eq!(lines[0], "Unable to find image 'busybox:latest' locally");
    assert_eq!(lines[1], "latest: Pulling from library/busybox");
    assert_eq!(*lines.last().expect("there are lines"), "oops");
    assert_eq!(b.started[0].cwd, "/");
    assert!(b.started[0].env[0].starts_with("PATH=/usr/local/sbin:"));
    b.now += 5 * SECOND;
    let ps = b.ask(ps_all()).stdout;
    assert!(ps.contains("\"echo hello\""), "{ps}");
    assert!(ps.contains("Exited (3) 5 seconds ago"), "{ps}");
    assert!(b.decisions.iter().any(|d| d == "container/web: container exited (3)"), "{:?}", b.decisions);
    let again = b.ask(run(config(&["echo"])));
    assert_eq!(again.stderr, "oops\n", "the second run does not pull");
}

#[test]
fn a_name_is_taken_once() {
    let mut b = bench();
    b.ask(run(named("web", &["true"])));
    let said = b.ask(run(named("web", &["true"])));
    let id = b.daemon.containers.values().next().expect("the first is there").id.clone();
    assert_eq!(said.code, Some(125));
    assert_eq!(
        said.stderr,
        format!(
            "docker: Error response from daemon: Conflict. The container name \"/web\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name.\nSee 'docker run --help'.\n"
        )
    );
}

#[test]
fn what_the_runtime_cannot_start_stays_created_with_dockers_exit_code() {
    let cases: &[(&'static str, Errno, i32, &str)] = &[
        ("foo", Errno::ENOENT, 127, "exec: \"foo\": executable file not found in $PATH: unknown."),
        ("/etc", Errno::EACCES, 126, "exec: \"/etc\": permission denied: unknown."),
        ("/x/y", Errno::ENOENT, 127, "exec: \"/x/y\": stat /x/y: no such file or directory: unknown."),
    ];
    for (argv0, errno, code, text) in cases {
        let mut b = bench();
        b.program(argv0, Does::Fails(StartError::Exec(*errno)));
        let said = b.ask(run(config(&[argv0])));
        assert_eq!(said.code, Some(*code));
        assert!(said.stderr.contains(text), "{}", said.stderr);
        assert!(b.ask(ps_all()).stdout.contains("   Created   "));
    }
}

#[test]
fn stop_waits_ten_seconds_for_a_process_that_ignores_term_and_then_kills() {
    let mut b = bench();
    b.program("sleep", Does::Stays { dies_of_term: false });
    b.ask(run_detached(named("web", &["sleep", "1000"])));
    let client = b.begin(stop("web", None));
    b.advance(TEN_SECONDS - 1);
    assert!(!b.said.contains_key(&client), "patience is not over");
    b.advance(1);
    assert_eq!(b.said[&client].stdout, "web\n");
    assert!(b.ask(ps_all()).stdout.contains("Exited (137) Less than a second ago"));
    assert_eq!(b.ask(stop("web", None)).stdout, "web\n", "stopping what is stopped is no error");
    assert_eq!(b.daemon.next_wake(), None);
}

#[test]
fn a_process_that_dies_of_term_is_stopped_at_once() {
    let mut b = bench();
    b.program("serve", Does::Stays { dies_of_term: true });
    b.ask(run_detached(named("web", &["serve"])));
    assert_eq!(b.ask(stop("web", None)).stdout, "web\n");
    assert!(b.ask(ps_all()).stdout.contains("Exited (143)"));
}

#[test]
fn a_running_container_is_removed_only_by_force() {
    let mut b = bench();
    b.program("sleep", Does::Stays { dies_of_term: false });
    let id = b.ask(run_detached(named("web", &["sleep"]))).stdout.trim().to_owned();
    let rm = |force| Request::Rm { containers: vec!["web".to_owned()], force, volumes: false };
    let said = b.ask(rm(false));
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.stderr,
        format!(
            "Error response from daemon: You cannot remove a running container {id}. Stop the container before attempting removal or force remove\n"
        )
    );
    assert_eq!(b.ask(rm(true)).stdout, "web\n");
    assert_eq!(b.removed, [Cid(1)]);
    let said = b.ask(rm(true));
    assert_eq!((said.stderr.as_str(), said.code), ("Error: No such container: web\n", Some(0)));
}

#[test]
fn errors_of_a_parallel_verb_come_after_all_names() {
    let mut b = bench();
    b.ask(run(named("web", &["true"])));
    let containers = ["web", "gone", "web"].map(str::to_owned).to_vec();
    let said = b.ask(Request::Stop { containers, timeout_s: None });
    assert_eq!(said.all, "web\nweb\nError response from daemon: No such container: gone\n");
    assert_eq!(said.code, Some(1));
}

#[test]
fn rm_option_removes_the_container_when_it_ends() {
    let mut b = bench();
    let request = Run { config: config(&["true"]), detach: false, remove: true, stdin: ClientStdin::None };
    assert_eq!(b.ask(Request::Run(Box::new(request))).code, Some(0));
    assert!(b.daemon.containers.is_empty());
    assert_eq!(b.removed, [Cid(1)]);
}

#[test]
fn a_client_that_goes_away_interrupts_its_container_and_is_not_answered() {
    let mut b = bench();
    b.program("sleep", Does::Stays { dies_of_term: false });
    let client = b.begin(run(config(&["sleep"])));
    let mut out = DaemonOutput::default();
    b.daemon.on(&NodeEvent::ClientGone { tid: client }, 0, &mut out);
    assert!(matches!(out.requests[..], [NodeRequest::Signal { signal: Signal::SIGINT, .. }]), "{:?}", out.requests);
    b.settle(out);
    let job = *b.staying.keys().next().expect("it runs");
    b.event(NodeEvent::Exited { job, status: WaitStatus::Exited(0) });
    assert_eq!(b.said.get(&client).and_then(|said| said.code), None);
}
