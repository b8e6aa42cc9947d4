//! What is said after a line failed.

use super::*;
use crate::command::complete::{ContainerName, FileName, ImageName};

struct Desk {
    console: Place,
    empty: bool,
}

impl Context for Desk {
    fn images(&self) -> Vec<ImageName> {
        let image = |reference: &str, local| ImageName { reference: reference.to_string(), local };
        match self.empty {
            true => Vec::new(),
            false => vec![image("centos:7", true), image("ubuntu:latest", false)],
        }
    }

    fn containers(&self) -> Vec<ContainerName> {
        let container = |name: &str, state: &str| ContainerName {
            name: name.to_string(),
            id: "0123456789ab".to_string(),
            state: state.to_string(),
        };
        if self.empty { Vec::new() } else { vec![container("web", "running"), container("old", "exited")] }
    }

    fn list_dir(&self, _: &Place, _: &str) -> Vec<FileName> {
        Vec::new()
    }

    fn executables(&self, _: &Place) -> Vec<String> {
        ["docker", "cat", "ls", "grep"].map(str::to_string).to_vec()
    }

    fn console(&self) -> Place {
        self.console.clone()
    }
}

const NODE: Desk = Desk { console: Place::Node, empty: false };

#[test]
fn failures_get_a_second_line() {
    let cases: &[(&str, i32, &str)] = &[
        ("vim Dockerfile", 127, "editor"),
        ("apt install nginx", 127, "RUN"),
        ("ls && nano x", 127, "editor"),
        ("sudo docker ps", 127, "without it"),
        ("curl http://x | sh", 127, "no network"),
        ("git clone x", 127, "home directory"),
        ("kubectl get pods", 127, "Kubernetes"),
        ("docker-compose up", 127, "Compose"),
        ("/usr/bin/vim x", 127, "editor"),
        ("dokcer ps", 127, "`docker`"),
        ("gerp x", 127, "`grep`"),
        ("docker rnu x", 1, "`docker run`"),
        ("docker imagse", 1, "`docker images`"),
        ("docker image lss", 1, "`docker image ls`"),
        ("docker run --nmae x centos:7", 125, "`--name`"),
        ("docker run -name x centos:7", 125, "Did you mean `--name`? One dash is for single letters."),
        ("docker run -itz centos:7", 125, "`docker run` has no `-z`"),
        ("docker image xyzzy", 1, "There is no `docker image xyzzy`. `docker image --help` lists"),
        ("docker run", 1, "What is missing: IMAGE. Type, for instance, `docker run centos:7`."),
        ("docker run -it", 1, "`docker run -it centos:7`"),
        ("docker exec", 1, "What is missing: CONTAINER and COMMAND. Type, for instance, `docker exec web sh`."),
        ("docker exec -it web", 1, "What is missing: COMMAND. Type, for instance, `docker exec -it web sh`."),
        ("docker build -t web", 1, "What is missing: PATH. Type, for instance, `docker build -t web .`."),
        ("docker tag centos:7", 1, "`docker tag centos:7 TARGET_IMAGE`"),
        ("docker ps -a web", 1, "That is more than `docker ps` takes. Type `docker ps -a`."),
        ("docker logs web old", 1, "Type `docker logs web`."),
        ("docker run centos:7 --name x", 127, "Options stand before the image: `--name`"),
        ("docker run --xyzzy centos:7", 125, "`docker run --help`"),
        ("docker pull nginx", 1, "`centos:7` and `ubuntu:latest`"),
        ("docker run -it centos", 125, "`centos:7`"),
        ("docker run ubunut", 125, "`ubuntu`"),
        ("docker history ubuntu", 1, "`docker pull ubuntu`"),
        ("docker history nothing", 1, "`centos:7`"),
        ("docker stop -t 3 wbe", 1, "`web`"),
        ("docker logs nobody", 1, "`web` and `old`"),
        ("docker exec old ls", 1, "`docker start old`"),
    ];
    for (line, code, part) in cases {
        let advice = advise(line, *code, &NODE).unwrap_or_default();
        assert!(advice.contains(part), "{line}: {advice:?}");
    }
}

#[test]
fn what_needs_no_comment_gets_none() {
    let cases = [
        ("vim x", 0),
        ("", 127),
        ("cat nothing", 1),
        ("docker exec web false", 1),
        ("docker run centos:7 false", 1),
        ("docker stop web", 1),
        ("docker compose up", 1),
        ("docker network ls", 1),
        ("./x", 126),
        ("xyzzyx", 127),
        ("docker", 1),
        ("docker history 0123", 1),
    ];
    for (line, code) in cases {
        assert_eq!(advise(line, code, &NODE), None, "{line}");
    }
}

#[test]
fn an_empty_node_and_a_container_are_told_apart() {
    let empty = Desk { console: Place::Node, empty: true };
    assert!(advise("docker run x", 125, &empty).unwrap().contains("docker build"));
    assert!(advise("docker stop x", 1, &empty).unwrap().contains("docker run"));
    struct Inside;
    impl Context for Inside {
        fn images(&self) -> Vec<ImageName> {
            Vec::new()
        }
        fn containers(&self) -> Vec<ContainerName> {
            Vec::new()
        }
        fn list_dir(&self, _: &Place, _: &str) -> Vec<FileName> {
            Vec::new()
        }
        fn executables(&self, _: &Place) -> Vec<String> {
            vec!["sh".to_string()]
        }
        fn console(&self) -> Place {
            Place::Container("web".to_string())
        }
    }
    assert!(advise("docker ps", 127, &Inside).unwrap().contains("exit"));
}

#[test]
fn no_command_has_two_pieces_of_advice() {
    let mut names: Vec<&str> = UNKNOWN.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}
