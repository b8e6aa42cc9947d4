//! Carrying out commands: lists, compound commands, pipelines, simple commands (POSIX.1-2017, 2.9 Shell Commands).

use super::builtin::{self, Purpose};
use super::syntax::{Node, Simple};
use super::vars::Scope;
use super::{CALL_DEPTH, How, Launch, Shell, Task};
use crate::call::{Disposition, FileKind, OpenFlags, Ret, Signal, Sys};
use crate::program::machine::{Cx, answer, join};
use crate::program::{Program, glob};
use std::sync::Arc;

impl Shell {
    pub(super) fn step_command(&mut self, task: Task, ret: Ret, cx: &mut Cx<Task>) -> Option<Sys> {
        match task {
            Task::Eval(node, how) => self.eval(node, how, cx),
            Task::IfStatus { zero, then, how } => {
                if (self.status == 0) == zero {
                    cx.push(Task::Eval(then, how));
                }
                None
            }
            Task::Invert => {
                self.status = i32::from(self.status == 0);
                None
            }
            Task::Branch { node, how } => self.branch(&node, how, cx),
            Task::LoopTest { node, how, last } => self.loop_test(node, how, last, cx),
            Task::LoopAgain { node, how } => {
                let last = self.status;
                self.loop_begin(node, how, last, cx)
            }
            Task::ForWords { node, how } => {
                let values = self.fields.pop().unwrap_or_default();
                self.status = 0;
                cx.push(Task::ForNext { node, how, values });
                None
            }
            Task::ForNext { node, how, values } => self.for_next(node, how, values, cx),
            Task::CaseWord { node, how } => {
                let value = self.values.pop().unwrap_or_default();
                self.status = 0;
                self.case_next(node, how, value, 0, 0, cx)
            }
            Task::CasePattern { node, how, value, arm, pattern } => self.case_test(node, how, value, arm, pattern, cx),
            Task::Words { node, how } => self.words_ready(node, how, cx),
            Task::Run { node, how, argv } => self.run(&node, how, argv, cx),
            Task::Lookup { argv, env, dirs, at, how, purpose } => {
                let found = answer::stat(ret).is_ok_and(|stat| stat.kind == FileKind::File);
                if found {
                    let path = join(&dirs[at], &argv[0]);
                    self.found.insert(argv[0].clone(), path.clone());
                    return self.located(argv, env, Some(path), how, purpose, cx);
                }
                self.lookup(argv, env, dirs, at + 1, how, purpose, cx)
            }
            Task::Guard => None,
            Task::RestoreVars(saved) => {
                self.restore(saved);
                None
            }
            Task::FunctionEnd => {
                if let Some(scope) = self.scopes.pop() {
                    self.params = scope.params;
                    self.restore(scope.locals);
                }
                None
            }
            task => self.step_jobs(task, ret, cx),
        }
    }

    fn eval(&mut self, node: Arc<Node>, how: How, cx: &mut Cx<Task>) -> Option<Sys> {
        let tested = How { tail: false, tested: true };
        match &*node {
            Node::Simple(simple) => self.simple(&node, simple, how, cx),
            Node::Pipe(_) => {
                cx.push(Task::Pipeline { node, how, at: 0, previous: None, pids: Vec::new() });
            }
            Node::Not(inner) => cx.push_all([Task::Eval(inner.clone(), tested), Task::Invert]),
            Node::And(left, right) => {
                cx.push_all([
                    Task::Eval(left.clone(), tested),
                    Task::IfStatus { zero: true, then: right.clone(), how },
                ]);
            }
            Node::Or(left, right) => {
                cx.push_all([
                    Task::Eval(left.clone(), tested),
                    Task::IfStatus { zero: false, then: right.clone(), how },
                ]);
            }
            Node::Seq(parts) => {
                let last = parts.len().saturating_sub(1);
                let how_of = |i| How { tail: how.tail && i == last, ..how };
                cx.push_all(parts.iter().enumerate().map(|(i, part)| Task::Eval(part.clone(), how_of(i))));
            }
            Node::Background(body, text) => return self.background(body, text, cx),
            Node::Subshell(body) => return self.subshell(body, how, cx),
            Node::Redirected(body, redirs) => {
                let inner = How { tail: false, ..how };
                cx.push_all([Task::Eval(body.clone(), inner), Task::Guard, Task::Undo]);
                cx.push(Task::TakeRedirects { redirs: redirs.clone(), save: true });
                for redir in redirs.iter().rev() {
                    self.begin_word(&redir.word, Task::EndValue, cx);
                }
            }
            Node::If { condition, .. } => {
                cx.push_all([Task::Eval(condition.clone(), tested), Task::Branch { node: node.clone(), how }]);
            }
            Node::Loop { .. } => return self.loop_begin(node, How { tail: false, ..how }, 0, cx),
            Node::For { words, .. } => {
                let how = How { tail: false, ..how };
                match words {
                    Some(words) => {
                        self.fields.push(Vec::new());
                        cx.push(Task::ForWords { node: node.clone(), how });
                        for word in words.iter().rev() {
                            self.begin_word(word, Task::EndFields, cx);
                        }
                    }
                    None => {
                        self.status = 0;
                        cx.push(Task::ForNext { node: node.clone(), how, values: self.params.clone() });
                    }
                }
            }
            Node::Case { word, .. } => {
                let word = word.clone();
                cx.push(Task::CaseWord { node, how });
                self.begin_word(&word, Task::EndValue, cx);
            }
            Node::Function { name, body } => {
                self.functions.insert(name.clone(), body.clone());
                self.status = 0;
            }
        }
        None
    }

    fn branch(&mut self, node: &Node, how: How, cx: &mut Cx<Task>) -> Option<Sys> {
        let Node::If { then, otherwise, .. } = node else { return None };
        match otherwise {
            _ if self.status == 0 => cx.push(Task::Eval(then.clone(), how)),
            // `$?` is still the condition's there.
            Some(otherwise) => cx.push(Task::Eval(otherwise.clone(), how)),
            None => self.status = 0,
        }
        None
    }

    fn loop_begin(&mut self, node: Arc<Node>, how: How, last: i32, cx: &mut Cx<Task>) -> Option<Sys> {
        let Node::Loop { condition, .. } = &*node else { return None };
        let condition = condition.clone();
        cx.push_all([Task::Eval(condition, How { tail: false, tested: true }), Task::LoopTest { node, how, last }]);
        None
    }

    fn loop_test(&mut self, node: Arc<Node>, how: How, last: i32, cx: &mut Cx<Task>) -> Option<Sys> {
        let Node::Loop { until, body, .. } = &*node else { return None };
        if (self.status == 0) != *until {
            let body = body.clone();
            cx.push_all([Task::Eval(body, how), Task::LoopAgain { node, how }]);
        } else {
            self.status = last;
        }
        None
    }

    fn for_next(&mut self, node: Arc<Node>, how: How, mut values: Vec<String>, cx: &mut Cx<Task>) -> Option<Sys> {
        let Node::For { name, body, .. } = &*node else { return None };
        if values.is_empty() {
            return None;
        }
        let value = values.remove(0);
        let (name, body) = (name.clone(), body.clone());
        cx.push_all([Task::Eval(body, how), Task::ForNext { node, how, values }]);
        self.assign(&name, &value, cx);
        None
    }

    fn case_next(
        &mut self,
        node: Arc<Node>,
        how: How,
        value: String,
        arm: usize,
        pattern: usize,
        cx: &mut Cx<Task>,
    ) -> Option<Sys> {
        let Node::Case { arms, .. } = &*node else { return None };
        let here = arms.get(arm)?;
        match here.patterns.get(pattern) {
            Some(word) => {
                let word = word.clone();
                cx.push(Task::CasePattern { node, how, value, arm, pattern });
                self.begin_word(&word, Task::EndPattern, cx);
                None
            }
            None => self.case_next(node, how, value, arm + 1, 0, cx),
        }
    }

    fn case_test(
        &mut self,
        node: Arc<Node>,
        how: How,
        value: String,
        arm: usize,
        pattern: usize,
        cx: &mut Cx<Task>,
    ) -> Option<Sys> {
        let wanted = self.values.pop().unwrap_or_default();
        if !glob::matches(&wanted, &value) {
            return self.case_next(node, how, value, arm, pattern + 1, cx);
        }
        if let Node::Case { arms, .. } = &*node {
            let body = arms.get(arm).and_then(|arm| arm.body.clone());
            cx.push_all(body.map(|body| Task::Eval(body, how)));
        }
        None
    }

    fn subshell(&mut self, body: &Arc<Node>, how: How, cx: &mut Cx<Task>) -> Option<Sys> {
        let inner = How { tail: true, tested: how.tested };
        if how.tail {
            self.traps.clear();
            cx.push_all([Task::Eval(body.clone(), inner), Task::Leave]);
            return None;
        }
        let child = self.child(vec![Task::Eval(body.clone(), inner)]);
        cx.push_all([Task::Forked, Task::CheckExit(how)]);
        Some(Sys::Fork { child, until_exec: false })
    }

    /// Without job control: SIGINT and SIGQUIT ignored, standard input from /dev/null (2.9.3.1).
    fn background(&mut self, body: &Arc<Node>, text: &str, cx: &mut Cx<Task>) -> Option<Sys> {
        let null = Sys::Open { path: "/dev/null".to_owned(), flags: OpenFlags::READ, mode: 0 };
        let child = self.child(vec![
            Task::Call(Sys::SigAction { signal: Signal::SIGINT, to: Disposition::Ignore }),
            Task::Call(Sys::SigAction { signal: Signal::SIGQUIT, to: Disposition::Ignore }),
            Task::Call(Sys::Close { fd: 0 }),
            Task::Call(null),
            Task::Eval(body.clone(), How { tail: true, tested: false }),
        ]);
        cx.call(Sys::Fork { child, until_exec: false }, Task::ForkedBackground(text.to_owned()))
    }

    fn simple(&mut self, node: &Arc<Node>, simple: &Simple, how: How, cx: &mut Cx<Task>) {
        self.line = simple.line;
        self.subst_status = None;
        self.fields.push(Vec::new());
        cx.push(Task::Words { node: node.clone(), how });
        for word in simple.words.iter().rev() {
            self.begin_word(word, Task::EndFields, cx);
        }
    }

    fn words_ready(&mut self, node: Arc<Node>, how: How, cx: &mut Cx<Task>) -> Option<Sys> {
        let argv = self.fields.pop().unwrap_or_default();
        let Node::Simple(simple) = &*node else { return None };
        let (assigns, redirs) = (simple.assigns.clone(), simple.redirs.clone());
        let execs = argv.first().is_some_and(|name| name == "exec");
        let here = argv.first().is_some_and(|name| self.functions.contains_key(name) || builtin::is(name));
        let save = !redirs.is_empty() && !execs && (here || argv.is_empty() || !how.tail);
        if save {
            cx.push(Task::Undo);
        }
        cx.push(Task::Run { node: node.clone(), how, argv });
        for (_, word) in assigns.iter().rev() {
            self.begin_word(word, Task::EndValue, cx);
        }
        if !redirs.is_empty() {
            cx.push(Task::TakeRedirects { redirs: redirs.clone(), save });
            for redir in redirs.iter().rev() {
                self.begin_word(&redir.word, Task::EndValue, cx);
            }
        }
        None
    }

    fn run(&mut self, node: &Node, how: How, argv: Vec<String>, cx: &mut Cx<Task>) -> Option<Sys> {
        let Node::Simple(simple) = node else { return None };
        let from = self.values.len().saturating_sub(simple.assigns.len());
        let values = self.values.split_off(from);
        let assigns: Vec<(String, String)> = simple.assigns.iter().map(|(name, _)| name.clone()).zip(values).collect();
        if self.options.xtrace {
            self.trace(&assigns, &argv, cx);
        }
        let Some(name) = argv.first() else {
            self.status = self.subst_status.unwrap_or(0);
            for (name, value) in &assigns {
                if !self.assign(name, value, cx) {
                    return None;
                }
            }
            cx.push(Task::CheckExit(how));
            return None;
        };
        if builtin::is_special(name) {
            for (name, value) in &assigns {
                if !self.assign(name, value, cx) {
                    return None;
                }
            }
            cx.push(Task::CheckExit(how));
            return self.builtin(argv, how, cx);
        }
        if let Some(body) = self.functions.get(name).cloned() {
            return self.call_function(&body, argv, &assigns, how, cx);
        }
        if builtin::is(name) {
            let saved = self.assign_for_now(&assigns);
            cx.push_all([Task::RestoreVars(saved), Task::CheckExit(how)]);
            return self.builtin(argv, how, cx);
        }
        cx.push(Task::CheckExit(how));
        self.find(argv, assigns, how, Purpose::Run, cx)
    }

    fn call_function(
        &mut self,
        body: &Arc<Node>,
        mut argv: Vec<String>,
        assigns: &[(String, String)],
        how: How,
        cx: &mut Cx<Task>,
    ) -> Option<Sys> {
        if self.scopes.len() + self.sources.len() >= CALL_DEPTH {
            self.say(cx, "maximum recursion depth exceeded");
            self.abort(2, cx);
            return None;
        }
        let locals = self.assign_for_now(assigns);
        argv.remove(0);
        let params = std::mem::replace(&mut self.params, argv);
        self.scopes.push(Scope { params, locals });
        let inner = How { tail: false, tested: how.tested };
        cx.push_all([Task::Eval(body.clone(), inner), Task::FunctionEnd, Task::CheckExit(how)]);
        None
    }

    /// Where `argv[0]` is; dash looks before it forks, and remembers.
    pub(super) fn find(
        &mut self,
        argv: Vec<String>,
        assigns: Vec<(String, String)>,
        how: How,
        purpose: Purpose,
        cx: &mut Cx<Task>,
    ) -> Option<Sys> {
        let name = argv.first().cloned().unwrap_or_default();
        if name.contains('/') {
            return self.located(argv, assigns, Some(name), how, purpose, cx);
        }
        let own_path = assigns.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        if own_path.is_none()
            && let Some(path) = self.found.get(&name).cloned()
        {
            return self.located(argv, assigns, Some(path), how, purpose, cx);
        }
        let path = own_path.or_else(|| self.var("PATH").map(str::to_owned)).unwrap_or_default();
        let dirs = path.split(':').map(|dir| if dir.is_empty() { ".".to_owned() } else { dir.to_owned() }).collect();
        self.lookup(argv, assigns, dirs, 0, how, purpose, cx)
    }

    #[allow(clippy::too_many_arguments)]
    fn lookup(
        &mut self,
        argv: Vec<String>,
        env: Vec<(String, String)>,
        dirs: Vec<String>,
        at: usize,
        how: How,
        purpose: Purpose,
        cx: &mut Cx<Task>,
    ) -> Option<Sys> {
        match dirs.get(at) {
            Some(dir) if !argv[0].is_empty() => {
                let path = join(dir, &argv[0]);
                cx.call(Sys::Stat { path, follow: true }, Task::Lookup { argv, env, dirs, at, how, purpose })
            }
            _ => self.located(argv, env, None, how, purpose, cx),
        }
    }

    fn located(
        &mut self,
        argv: Vec<String>,
        assigns: Vec<(String, String)>,
        path: Option<String>,
        how: How,
        purpose: Purpose,
        cx: &mut Cx<Task>,
    ) -> Option<Sys> {
        let prefix = match purpose {
            Purpose::Run => "",
            Purpose::Exec => "exec: ",
            Purpose::Describe { .. } => return self.described(&argv[0], path, purpose, cx),
        };
        let Some(path) = path else {
            self.say(cx, &format!("{prefix}{}: not found", argv[0]));
            self.status = 127;
            if purpose == Purpose::Exec {
                self.abort(127, cx);
            }
            return None;
        };
        // In a subshell the descriptors that redirections saved are not the command's.
        let close = self.undo.iter().flatten().filter_map(|(_, was)| *was).collect();
        let env = self.environment(&assigns);
        let says = format!("{}: {}: {prefix}", self.arg0, self.line);
        let launch = Launch { says, path, argv, env, close };
        if how.tail || purpose == Purpose::Exec {
            cx.push_all([Task::Inline(Box::new(launch.program())), Task::Leave]);
            return None;
        }
        cx.push(Task::Forked);
        Some(Sys::Fork { child: Box::new(launch.program()), until_exec: true })
    }

    /// `set -x`
    fn trace(&mut self, assigns: &[(String, String)], argv: &[String], cx: &mut Cx<Task>) {
        let words = assigns.iter().map(|(name, value)| format!("{name}={value}")).chain(argv.iter().cloned());
        let line = words.collect::<Vec<_>>().join(" ");
        let prefix = self.var("PS4").unwrap_or("+ ").to_owned();
        cx.err(&format!("{prefix}{line}\n"));
    }
}

impl Launch {
    fn program(self) -> Program {
        Program::Launch(Box::new(self.machine()))
    }
}
