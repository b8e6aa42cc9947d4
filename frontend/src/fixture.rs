//! A hand-made session for tests of the views, and for work on their looks without an engine (feature `mock`).
//!
//! Its figures are placeholders. It is compiled for nothing that ships.

pub mod kernel;

use crate::state::Lesson;
use crate::view_model::moment::World;
use engine::call::Tid;
use engine::fact::{self, Facts, Value};
use engine::node::{Cid, Happening, KernelEvent};
use engine::scenario::{Claim, Era, Input, Op, Operand};
use engine::session::{Branch, BranchId, Chunk, ClaimState, History, InputRecord, State};
use engine::trace::{Category, Event, EventId, What};
use lessons::{
    Block, Choice, Course, Goal, LessonCard, Misconception, Predict, RecordedPoint, Recording, Scene, Span, Step, Track,
};

pub const DOCKERFILE: &str = "FROM centos:7\nRUN yum -y update && yum -y install httpd\nEXPOSE 80\n\
ADD run-httpd.sh /run-httpd.sh\nRUN chmod -v +x /run-httpd.sh\nCMD [\"/run-httpd.sh\"]";

const HTTPD_CONF: &str = "/etc/httpd/conf/httpd.conf";
const YUM_CONF: &str = "/etc/yum.conf";
const SCRIPT: &str = "/run-httpd.sh";

/// The whole session: its branch, and what each event changed.
#[derive(Debug)]
pub struct Fixture {
    pub history: History,
    changes: Vec<Vec<(String, Option<Value>)>>,
}

impl Fixture {
    pub fn new() -> Fixture {
        let mut made = Fixture { history: History { branches: vec![] }, changes: Vec::new() };
        let mut branch = Branch { id: BranchId(0), parent: None, inputs: vec![], events: vec![] };
        made.build(&mut branch);
        made.run(&mut branch, "web");
        made.run(&mut branch, "web2");
        made.remove(&mut branch);
        made.append(&mut branch);
        let mut other = Branch { id: BranchId(1), parent: Some((BranchId(0), 4)), inputs: vec![], events: vec![] };
        other.events = branch.events[..11].to_vec();
        other.inputs = vec![InputRecord {
            input: Input::Line("chmod +x run-httpd.sh && docker build -t web:1 .".into()),
            first_event: 4,
            events: 7,
            ..branch.inputs[0].clone()
        }];
        made.history.branches = vec![branch, other];
        made
    }

    pub fn len(&self) -> u32 {
        self.changes.len() as u32
    }

    pub fn facts(&self, position: u32) -> Facts {
        let mut facts = Facts::new();
        for (path, value) in self.changes.iter().take(position as usize).flatten() {
            match value {
                Some(value) => facts.insert(path.clone(), value.clone()),
                None => facts.remove(path),
            };
        }
        facts
    }

    pub fn state(&self, position: u32) -> State {
        let facts = self.facts(position);
        let own = facts.contains_key(&fact::path(["container", "web", "upper", HTTPD_CONF]));
        let built = facts.contains_key("image/web:1/layers");
        let claim = |holds: bool, difference: &str| ClaimState { holds, difference: difference.into() };
        let once = claim(false, "1 wanted, 2 found: in layers 3 and 4");
        State {
            branch: BranchId(0),
            position,
            now: self.history.branches[0].events.get(position.max(1) as usize - 1).map_or(0, |event| event.at),
            facts,
            claims: vec![claim(built, "no such image"), claim(own, "the image’s"), once],
            digest: "0".repeat(64),
            prompt: "$ ".into(),
            running: None,
            history: Some(self.history.clone()),
        }
    }

    fn input(&mut self, branch: &mut Branch, line: &str, output: &str) {
        let first_event = branch.events.len() as u32;
        let chunk = Chunk { event: first_event + 1 + u32::from(first_event == 0), stderr: false, text: output.into() };
        branch.inputs.push(InputRecord {
            input: Input::Line(line.into()),
            prompt: "$ ".into(),
            first_event,
            events: 0,
            output: vec![chunk],
            exit_code: Some(0),
            advice: None,
        });
        self.event(branch, "", What::Input { text: line.into() }, &[], vec![]);
    }

    fn event(
        &mut self,
        branch: &mut Branch,
        about: &str,
        what: What,
        causes: &[u32],
        change: Vec<(String, Option<Value>)>,
    ) {
        let id = branch.events.len() as u32;
        let at = u64::from(id) * 1_607_923_077;
        let causes = causes.iter().map(|cause| EventId(*cause)).collect();
        branch.events.push(Event { id: EventId(id), at, causes, about: about.into(), what });
        self.changes.push(change);
        if let Some(input) = branch.inputs.last_mut() {
            input.events = id + 1 - input.first_event;
        }
    }

    fn build(&mut self, branch: &mut Branch) {
        self.input(branch, "docker build -t web:1 .", "Sending build context to Docker daemon  3.072kB\nStep 1/6 : FROM centos:7\n ---> eeb6ee3f44bd\nSuccessfully built 8c1f0a6d2b4e\nSuccessfully tagged web:1\n");
        let base = [
            ("/bin/sh -c #(nop) ADD file:b3ebbe8bd304723d4 in / ", "1"),
            ("/bin/sh -c #(nop)  LABEL org.label-schema.schema-version=1.0", "none"),
            ("/bin/sh -c #(nop)  CMD [\"/bin/bash\"]", "none"),
        ];
        let own = [
            ("/bin/sh -c yum -y update && yum -y install httpd", "2"),
            ("/bin/sh -c #(nop)  EXPOSE 80", "none"),
            ("/bin/sh -c #(nop) ADD file:6f1be2a4c7d98a03e in /run-httpd.sh ", "3"),
            ("/bin/sh -c chmod -v +x /run-httpd.sh", "4"),
            ("/bin/sh -c #(nop)  CMD [\"/run-httpd.sh\"]", "none"),
        ];
        let sizes = [204_000_000, 274_000_000, 147, 147];
        let mut facts: Vec<(String, Option<Value>)> = Vec::new();
        for (image, entries, layers) in
            [("centos:7", base.to_vec(), 1), ("web:1", [base.to_vec(), own.to_vec()].concat(), 4)]
        {
            facts.push((fact::path(["image", image, "layers"]), Some(Value::Int(layers))));
            for (i, (by, layer)) in entries.iter().enumerate() {
                let number = (i + 1).to_string();
                facts.push((fact::path(["image", image, "history", &number, "created_by"]), Some((*by).into())));
                facts.push((fact::path(["image", image, "history", &number, "layer"]), Some((*layer).into())));
            }
            for n in 1..=layers as usize {
                let of = |rest: &[&str]| {
                    fact::path(["image", image, "layer", &n.to_string()].into_iter().chain(rest.iter().copied()))
                };
                facts.push((of(&["size"]), Some(Value::Int(sizes[n - 1]))));
                facts.push((of(&["diff_id"]), Some(format!("sha256:{}", format!("{n}f").repeat(32)).into())));
                let file = match n {
                    1 => (YUM_CONF, "file 0644 970"),
                    2 => (HTTPD_CONF, "file 0644 11753"),
                    3 => (SCRIPT, "file 0644 147"),
                    _ => (SCRIPT, "file 0755 147"),
                };
                facts.push((of(&["file", file.0]), Some(file.1.into())));
            }
        }
        for n in 1..=6u32 {
            let text = format!("step {n}/6");
            self.event(branch, "image/web:1", What::Control { category: Category::Layer, text }, &[0], vec![]);
        }
        let what = What::Control { category: Category::Layer, text: "tagged web:1".into() };
        self.event(branch, "image/web:1", what, &[6], facts);
    }

    fn run(&mut self, branch: &mut Branch, name: &str) {
        self.input(branch, &format!("docker run -d --name {name} web:1"), "3e7d915fb0aa66cf1b2e\n");
        let first = branch.events.len() as u32 - 1;
        for text in ["created", "mounted", "network"] {
            let what = What::Control { category: Category::Container, text: format!("{name} {text}") };
            self.event(branch, &format!("container/{name}"), what, &[first], vec![]);
        }
        let of = |rest: &[&str]| fact::path(["container", name].into_iter().chain(rest.iter().copied()));
        let mut facts: Vec<(String, Option<Value>)> = vec![
            (of(&["state"]), Some("running".into())),
            (of(&["pid", "inner"]), Some(Value::Int(1))),
            (of(&["cmdline"]), Some("/dev/.toolbox serve /usr/sbin/httpd -DFOREGROUND".into())),
            (of(&["upper"]), Some(Value::Int(0))),
            (of(&["root", "lowers"]), Some(Value::Int(4))),
        ];
        for (path, from) in [(HTTPD_CONF, "layer 2"), (YUM_CONF, "layer 1"), (SCRIPT, "layer 4")] {
            facts.push((of(&["file", path, "from"]), Some(from.into())));
        }
        let what = What::Control { category: Category::Container, text: format!("{name} runs") };
        self.event(branch, &format!("container/{name}"), what, &[first], facts);
    }

    fn remove(&mut self, branch: &mut Branch) {
        self.input(branch, "docker exec web rm /etc/yum.conf", "");
        let of = |rest: &[&str]| fact::path(["container", "web"].into_iter().chain(rest.iter().copied()));
        let upper = of(&["upper", YUM_CONF]);
        let facts = vec![
            (upper.clone(), Some("whiteout".into())),
            (of(&["upper"]), Some(Value::Int(2))),
            (of(&["file", YUM_CONF, "from"]), Some("whiteout".into())),
        ];
        let what = Happening::WhitedOut { path: YUM_CONF.into(), layer: 1 };
        self.kernel(
            branch,
            "container/web",
            Happening::Executed { path: "/bin/rm".into(), argv: vec!["rm".into(), YUM_CONF.into()] },
            &[18],
            vec![],
        );
        self.kernel(branch, &upper, what, &[19, 1], facts);
    }

    fn append(&mut self, branch: &mut Branch) {
        let history = "IMAGE          CREATED         CREATED BY                                      SIZE      COMMENT\n\
8c1f0a6d2b4e   2 minutes ago   /bin/sh -c #(nop)  CMD [\"/run-httpd.sh\"]        0B\n\
3e7d915fb0aa   2 minutes ago   /bin/sh -c chmod -v +x /run-httpd.sh            147B\n\
b94c2e0718d3   2 minutes ago   /bin/sh -c #(nop) ADD file:6f1be2a4c7d98a03e…   147B\n\
f05a8812cc47   2 minutes ago   /bin/sh -c #(nop)  EXPOSE 80                    0B\n\
5d20b7e3196f   2 minutes ago   /bin/sh -c yum -y update && yum -y install h…   274MB\n\
eeb6ee3f44bd   14 months ago   /bin/sh -c #(nop)  CMD [\"/bin/bash\"]            0B\n\
<missing>      14 months ago   /bin/sh -c #(nop)  LABEL org.label-schema.sc…   0B\n\
<missing>      14 months ago   /bin/sh -c #(nop) ADD file:b3ebbe8bd304723d4…   204MB\n";
        self.input(branch, "docker history web:1", history);
        self.input(branch, "docker exec web sh -c 'echo Listen 8080 >> /etc/httpd/conf/httpd.conf'", "");
        let of = |rest: &[&str]| fact::path(["container", "web"].into_iter().chain(rest.iter().copied()));
        let upper = of(&["upper", HTTPD_CONF]);
        self.kernel(
            branch,
            "container/web",
            Happening::Executed { path: "/bin/sh".into(), argv: vec!["sh".into()] },
            &[22],
            vec![],
        );
        let facts = vec![
            (upper.clone(), Some("file".into())),
            (upper.clone() + "/size", Some(Value::Int(11_768))),
            (upper.clone() + "/mode", Some("0644".into())),
            (upper.clone() + "/sha256", Some("5e".repeat(32).into())),
            (of(&["upper"]), Some(Value::Int(6))),
            (of(&["file", HTTPD_CONF, "from"]), Some("upper".into())),
            (of(&["file", HTTPD_CONF, "size"]), Some(Value::Int(11_768))),
        ];
        let what = Happening::CopiedUp { path: HTTPD_CONF.into(), layer: 2, size_bytes: 11_753 };
        self.kernel(branch, &upper, what, &[23, 10, 2], facts);
        self.kernel(branch, "container/web", Happening::Unshared, &[23], vec![]);
        self.kernel(branch, "container/web", Happening::Unshared, &[23], vec![]);
    }

    fn kernel(
        &mut self,
        branch: &mut Branch,
        about: &str,
        what: Happening,
        causes: &[u32],
        facts: Vec<(String, Option<Value>)>,
    ) {
        let event = KernelEvent { tid: Tid(7), container: Some(Cid(1)), what };
        self.event(branch, about, What::Kernel { event, times: 1 }, causes, facts);
    }
}

/// The session with the handle on the copy-up, two events before its end.
pub fn world() -> World {
    let fixture = Fixture::new();
    World::told(fixture.state(fixture.len() - 2), None)
}

pub fn lesson() -> Lesson {
    let titles = ["Build it", "Two from one", "What a change costs", "The cache", "On your own"];
    let mut steps: Vec<Step> = titles.iter().map(|title| step(title)).collect();
    steps[0].predict = Some(predict());
    steps[0].goals = vec![goal(vec![code("web:1"), text(" is built")], "image/web:1/layers")];
    steps[2].goals = vec![
        goal(
            vec![code("web"), text(" has its own httpd.conf")],
            &fact::path(["container", "web", "upper", HTTPD_CONF]),
        ),
        goal(vec![text("The script is in an image once")], "image/web:1/file/%2Frun-httpd.sh/copies"),
    ];
    Lesson {
        id: "images/layers".into(),
        track: "images".into(),
        title: "A layer never changes".into(),
        minutes: 18,
        needs: vec![],
        objectives: vec![],
        scenario: Era::Course,
        steps,
        hash: "0badc0de".repeat(8),
    }
}

fn step(title: &str) -> Step {
    let files = [HTTPD_CONF, YUM_CONF, SCRIPT].map(str::to_owned).into();
    let prose = vec![
        Block::Paragraph(vec![
            text("The notes say each command makes a layer. Count again: six commands, "),
            Span::Emphasis("four".into()),
            text(" layers."),
        ]),
        Block::Dockerfile(DOCKERFILE.into()),
        Block::Paragraph(vec![
            text("A finished layer never changes. To set one bit, "),
            code("chmod"),
            text(" stored the whole script again. "),
            code("web"),
            text(
                " likewise writes to its own copy of httpd.conf, and hides yum.conf, which it removed, under a whiteout. ",
            ),
            code("web2"),
            text(" notices nothing."),
        ]),
    ];
    Step {
        id: title.to_lowercase().replace(' ', "-"),
        title: title.into(),
        prose,
        predict: None,
        goals: vec![],
        run: vec![],
        also: vec![],
        hints: vec![
            vec![text("Which mode does "), code("ADD"), text(" give the file?")],
            vec![text("Look at layers 3 and 4.")],
            vec![code("chmod +x FILE"), text(" on the node, before the build.")],
            vec![code("chmod +x run-httpd.sh && docker build -t web:2 .")],
        ],
        wrongs: vec![],
        misconception: Some(Misconception {
            belief: vec![text("Each command makes a layer.")],
            truth: vec![text("Only those that change files do.")],
        }),
        notes: vec![Block::Paragraph(vec![text("Ask the room before you press Enter.")])],
        beat: vec![code("web"), text(" writes to its own copy; the layer stays as it was.")],
        scene: Scene::Layers { image: "web:1".into(), containers: vec!["web".into(), "web2".into()], files },
        transfer: false,
    }
}

fn predict() -> Predict {
    let choice =
        |value: &str, reply: &str| Choice { text: vec![text(value)], value: value.into(), reply: vec![text(reply)] };
    Predict {
        question: vec![text("Six instructions: how many layers?")],
        choices: vec![choice("6", "EXPOSE and CMD change no file."), choice("4", "")],
        fact: "image/web:1/layers".into(),
    }
}

fn goal(words: Vec<Span>, fact: &str) -> Goal {
    Goal { text: words, claim: Claim::Compare { fact: fact.into(), op: Op::Eq, wanted: Operand::Value("1".into()) } }
}

fn text(words: &str) -> Span {
    Span::Text(words.into())
}

fn code(words: &str) -> Span {
    Span::Code(words.into())
}

/// The titles and minutes of the drawing.
pub fn course() -> Course {
    let track = |id: &str, title: &str, line: &str, lessons: &[(&str, u32)]| Track {
        id: id.into(),
        title: title.into(),
        line: line.into(),
        lessons: lessons
            .iter()
            .enumerate()
            .map(|(i, (title, minutes))| LessonCard {
                id: if *title == "A layer never changes" { "images/layers".into() } else { format!("{id}/{i}") },
                title: (*title).into(),
                minutes: *minutes,
                steps: 5,
                ready: id == "images" && i < 4,
            })
            .collect(),
    };
    let images = [
        ("Metal, VM, container", 10),
        ("Why images", 10),
        ("Writing a Dockerfile", 14),
        ("A layer never changes", 18),
        ("The cache", 16),
        ("Multi-stage", 14),
        ("Registry, dedupe", 14),
        ("Six characteristics", 20),
    ];
    let kernel = [
        ("Who can see whom", 12),
        ("clone(2)", 12),
        ("Namespace tree", 14),
        ("PID", 16),
        ("Mount", 16),
        ("Network", 20),
        ("User, IPC, UTS", 16),
        ("CPU", 18),
        ("Memory and OOM", 18),
        ("Dirty pages", 12),
        ("fork, exec, no sshd", 12),
    ];
    let iam = [
        ("Three kinds", 12),
        ("Roles and trust", 16),
        ("Execution role", 14),
        ("Evaluation", 20),
        ("Reasons for a no", 14),
    ];
    let fargate = [
        ("Cluster, task", 14),
        ("CPU, memory sizes", 12),
        ("An ENI each", 18),
        ("Storage, then S3", 16),
        ("awslogs, metadata", 14),
        ("Names: A, SRV", 14),
        ("Load balancers", 18),
        ("Replacing the sick", 16),
        ("EC2, or EKS", 12),
    ];
    let scaling = [
        ("Scalable target", 12),
        ("Target tracking", 20),
        ("Step scaling", 14),
        ("Cooldown", 18),
        ("What it costs", 14),
    ];
    let delivery =
        [("Commit and build", 14), ("Pipeline", 14), ("EventBridge", 12), ("Rolling deploy", 18), ("Rollback", 14)];
    Course {
        tracks: vec![
            track("images", "Images", "Build one, take it apart", &images),
            track("kernel", "Kernel", "One kernel, many views", &kernel),
            track("iam", "IAM", "Who may do it, and why", &iam),
            track("fargate", "Fargate, ECS", "Tasks in their berths", &fargate),
            track("scaling", "Scaling", "Following the load", &scaling),
            track("delivery", "CI/CD", "From push to rollout", &delivery),
        ],
    }
}

pub fn recording() -> Recording {
    let fixture = Fixture::new();
    let branch = &fixture.history.branches[0];
    let mut points = Vec::new();
    for input in &branch.inputs {
        let range = input.first_event as usize..(input.first_event + input.events) as usize;
        let changed = fixture.changes[range].concat();
        points.push(RecordedPoint { input: input.input.clone(), changed });
    }
    // The drawing shows the values while the last input is under way; a recording has whole inputs only.
    Recording {
        lesson: "images/layers".into(),
        hash: "0badc0de".repeat(8),
        kernel: "Linux 6.18".into(),
        cgroups: Default::default(),
        date: "2026-11-14".into(),
        architecture: "x86-64".into(),
        points,
    }
}
