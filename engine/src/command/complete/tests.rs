//! Completion as tables: a line with the cursor at `^`, and what is offered.

use super::*;

struct Desk {
    console: Place,
}

impl Context for Desk {
    fn images(&self) -> Vec<ImageName> {
        let image = |reference: &str, local| ImageName { reference: reference.to_string(), local };
        vec![
            image("centos:7", true),
            image("ubuntu:latest", false),
            image("web:1", true),
            image("web:2", true),
            image("busybox:latest", true),
        ]
    }

    fn containers(&self) -> Vec<ContainerName> {
        let container = |name: &str, id: &str, state: &str| ContainerName {
            name: name.to_string(),
            id: id.to_string(),
            state: state.to_string(),
        };
        vec![container("web", "4f5e6d7c8b9a", "running"), container("old", "0123456789ab", "exited")]
    }

    fn list_dir(&self, place: &Place, path: &str) -> Vec<FileName> {
        let file = |name: &str| FileName { name: name.to_string(), directory: false, executable: false };
        let script = |name: &str| FileName { executable: true, ..file(name) };
        let dir = |name: &str| FileName { directory: true, ..file(name) };
        match (place, path) {
            (Place::Node, ".") => vec![file("Dockerfile"), dir("src"), script("run.sh"), file("a b"), file(".hidden")],
            (Place::Node, "src/") => vec![file("main.c")],
            (Place::Container(_), "/etc/") => vec![file("hosts"), file("passwd")],
            (Place::Image(_), "/") => vec![dir("bin"), dir("etc")],
            _ => Vec::new(),
        }
    }

    fn executables(&self, place: &Place) -> Vec<String> {
        let names: &[&str] = match place {
            Place::Node => &["docker", "cat", "ls", "sh"],
            Place::Container(_) => &["cat", "httpd", "sh"],
            Place::Image(_) => &["bash", "sh", "yum"],
        };
        names.iter().map(|name| name.to_string()).collect()
    }

    fn console(&self) -> Place {
        self.console.clone()
    }
}

const NODE: Desk = Desk { console: Place::Node };

fn offered_at(desk: &Desk, marked: &str) -> (Vec<String>, String) {
    let cursor = marked.find('^').unwrap();
    let line = marked.replace('^', "");
    let completions = complete(&line, cursor, desk);
    assert!(completions.start <= completions.end && completions.end as usize == cursor, "{marked}");
    (completions.candidates.into_iter().map(|candidate| candidate.text).collect(), completions.expected)
}

fn offered(marked: &str) -> Vec<String> {
    offered_at(&NODE, marked).0
}

#[test]
fn each_place_offers_what_may_stand_there() {
    let cases: &[(&str, &[&str])] = &[
        ("doc^", &["docker"]),
        ("ls | doc^", &["docker"]),
        ("ls && doc^ x", &["docker"]),
        ("sudo doc^", &["docker"]),
        ("X=1 doc^", &["docker"]),
        ("if doc^", &["docker"]),
        ("docker r^", &["run", "restart", "rm", "rmi"]),
        ("docker com^", &["commit"]),
        ("docker image ^", &["build", "pull", "history", "inspect", "ls", "prune", "rm", "tag"]),
        ("docker help im^", &["images", "image"]),
        ("docker run --na^", &["--name"]),
        ("docker run --mem^", &["--memory", "--memory-swap"]),
        ("docker run ^", &["busybox", "centos:7", "ubuntu", "web:1", "web:2"]),
        ("docker run -it --name x w^", &["web:1", "web:2"]),
        ("docker run -e A=1 -v /a:/b --rm centos^", &["centos:7"]),
        ("docker run web:^", &["web:1", "web:2"]),
        ("docker run ubuntu:^", &["ubuntu:latest"]),
        ("docker history ^", &["busybox", "centos:7", "web:1", "web:2"]),
        ("docker container run cen^", &["centos:7"]),
        ("docker stop ^", &["web"]),
        ("docker start ^", &["old"]),
        ("docker rm ^", &["old", "web"]),
        ("docker rm 4f^", &["4f5e6d7c8b9a"]),
        ("docker rm web o^", &["old"]),
        ("docker inspect we^", &["web", "web:1", "web:2"]),
        ("docker logs web ^", &[]),
        ("docker exec ^", &["web"]),
        ("docker exec -it web ^", &["cat", "httpd", "sh"]),
        ("docker exec web cat /etc/h^", &["/etc/hosts"]),
        ("docker run centos:7 y^", &["yum"]),
        ("docker run centos:7 ls /^", &["/bin/", "/etc/"]),
        ("docker run centos:7 ls --na^", &[]),
        ("docker build ^", &["src/"]),
        ("docker build -f ^", &["Dockerfile", "a\\ b", "run.sh", "src/"]),
        ("docker build --file=D^", &["--file=Dockerfile"]),
        ("docker build -t we^", &["web:1", "web:2"]),
        ("docker kill -s SIGT^", &["SIGTERM"]),
        ("docker kill -sSIG^", &[]),
        ("docker ps --no^", &["--no-trunc"]),
        ("docker inspect --type ^", &["container", "image"]),
        ("cat D^", &["Dockerfile"]),
        ("cat ^", &["Dockerfile", "a\\ b", "run.sh", "src/"]),
        ("cat 'a^", &["'a b'"]),
        ("cat \"a^", &["\"a b\""]),
        ("cat a\\ ^", &["a\\ b"]),
        ("cat src/^", &["src/main.c"]),
        ("cat .^", &[".hidden"]),
        ("cat > D^", &["Dockerfile"]),
        ("cd ^", &["src/"]),
        ("./r^", &[]),
        ("expo^", &["export"]),
    ];
    for (marked, expected) in cases {
        assert_eq!(offered(marked), *expected, "{marked}");
    }
}

#[test]
fn docker_offers_its_common_commands_first_and_its_groups_last_each_with_help() {
    let all = offered("docker ^");
    assert_eq!(all[..8], ["run", "exec", "ps", "build", "pull", "images", "version", "info"]);
    assert_eq!(all[8], "commit");
    assert_eq!(all.last().map(String::as_str), Some("system"));
    assert!(complete("docker ", 7, &NODE).candidates.iter().all(|candidate| !candidate.help.is_empty()));
}

#[test]
fn help_comes_from_the_grammar_and_the_world() {
    let help = |marked: &str| {
        let cursor = marked.find('^').unwrap();
        complete(&marked.replace('^', ""), cursor, &NODE).candidates[0].help.clone()
    };
    assert_eq!(help("docker ps^"), "List containers");
    assert_eq!(help("docker run --det^"), "-d  Run container in background and print container ID");
    assert_eq!(help("docker stop w^"), "container, running");
    assert_eq!(help("docker run ub^"), "image, in the registry");
}

#[test]
fn where_nothing_can_be_chosen_the_usage_says_what_may_stand() {
    let expected = |marked: &str| offered_at(&NODE, marked).1;
    assert_eq!(expected("docker run nothing^"), "IMAGE [COMMAND] [ARG...]");
    assert_eq!(expected("docker run --name ^"), "--name string: Assign a name to the container");
    assert_eq!(expected("docker tag web:1 new^"), "TARGET_IMAGE[:TAG]");
    assert_eq!(expected("docker stop web x^"), "[CONTAINER...]");
    assert_eq!(expected("docker ps x^"), "");
    assert_eq!(expected("docker build nowhere^"), "PATH | URL | -");
    assert_eq!(expected("nothing^"), "COMMAND");
    assert_eq!(expected("docker run ^"), "");
}

#[test]
fn a_shell_in_a_container_offers_what_the_container_has() {
    let inside = Desk { console: Place::Container("web".to_string()) };
    assert_eq!(offered_at(&inside, "d^").0, Vec::<String>::new());
    assert_eq!(offered_at(&inside, "ht^").0, ["httpd"]);
    assert_eq!(offered_at(&inside, "cat /etc/p^").0, ["/etc/passwd"]);
    assert_eq!(offered_at(&inside, "docker r^").0, Vec::<String>::new());
}

#[test]
fn no_line_is_too_strange() {
    use crate::sim::Rng;
    let mut rng = Rng::for_guest(7, 2);
    let pieces = [
        "docker", " ", " ", "run", "-", "--", "it", "'", "\"", "\\", "|", "&&", ";", ">", "é", "\u{0}", "/", "^", "=",
        "web", "exec", "image", "help", "#", "$(", "2>&1", "--name", "~", "build", "\n",
    ];
    for _ in 0..5_000 {
        let count = rng.below(10);
        let line: String = (0..count).map(|_| pieces[rng.below(pieces.len() as u64) as usize]).collect();
        let cursor = rng.below(line.len() as u64 + 3) as usize;
        let completions = complete(&line, cursor, &NODE);
        let (start, end) = (completions.start as usize, completions.end as usize);
        assert!(line.get(start..end).is_some(), "{line:?} {cursor}");
        crate::command::advice::advise(&line, 127, &NODE);
    }
}
