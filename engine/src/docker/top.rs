//! `docker top`: ps on the node, of which the container's processes are shown, as the daemon does it
//! (moby `daemon/top_unix.go`).

use super::client::Op;
use super::container::State;
use super::table::wide_table;
use super::{Daemon, JobRole, Turn};
use crate::call::Tid;
use crate::node::{Cid, JobId, NodeRequest, Place, ProcessSpec, Stdin, Stream, TOOLBOX};
use crate::sim::Set;

/// Bytes of ps output that are looked at.
const OUTPUT_BYTES: usize = 256 * 1024;

#[derive(Clone, Debug)]
pub(super) struct TopJob {
    client: Tid,
    container: Cid,
    output: Vec<u8>,
}

impl Daemon {
    pub(super) fn top(&mut self, tid: Tid, name: &str, turn: &mut Turn<'_>) {
        let container = match self.find(name) {
            Ok(cid) => self.containers.get(&cid).cloned(),
            Err(text) => return self.refuse(tid, &format!("Error response from daemon: {text}"), 1),
        };
        let Some(container) = container else { return };
        if !container.is_running() {
            let text = format!("Error response from daemon: Container {} is not running", container.id);
            return self.refuse(tid, &text, 1);
        }
        let process = ProcessSpec {
            argv: [TOOLBOX, "ps", TOOLBOX, "-ef"].map(str::to_owned).to_vec(),
            env: Vec::new(),
            cwd: "/".to_owned(),
            uid: 0,
            gid: 0,
            stdin: Stdin::Null,
        };
        let job = self.new_job(JobRole::Top(TopJob { client: tid, container: container.cid, output: Vec::new() }));
        self.await_op(tid, Op::Top { job });
        turn.out.requests.push(NodeRequest::Start { job, at: Place::Node, process });
    }

    pub(super) fn top_output(&mut self, job: JobId, stream: Stream, data: &[u8]) {
        if let Some(JobRole::Top(top)) = self.jobs.get_mut(&job)
            && stream == Stream::Stdout
            && top.output.len() + data.len() <= OUTPUT_BYTES
        {
            top.output.extend_from_slice(data);
        }
    }

    pub(super) fn top_ended(&mut self, job: JobId, top: &TopJob) {
        let waits = |op: &Op| matches!(op, Op::Top { job: its } if *its == job);
        if !self.clients.get(&top.client).is_some_and(|client| waits(&client.op)) {
            return;
        }
        let root = match self.containers.get(&top.container).map(|c| c.state.clone()) {
            Some(State::Running { pid, .. }) => pid,
            _ => 0,
        };
        match processes_below(&String::from_utf8_lossy(&top.output), root) {
            Some(rows) => {
                self.say(top.client, Stream::Stdout, &wide_table(&rows));
                self.finish(top.client, 0);
            }
            None => self.refuse(top.client, "Error response from daemon: Couldn't find PID field in ps output", 1),
        }
    }
}

/// The heading, and the lines of `root` and what descends from it; `None` without a PID column.
fn processes_below(output: &str, root: u32) -> Option<Vec<Vec<String>>> {
    let mut lines = output.lines();
    let heading: Vec<&str> = lines.next()?.split_whitespace().collect();
    let column = |name: &str| heading.iter().position(|heading| *heading == name);
    let pid_column = column("PID")?;
    let mut inside = Set::from([root]);
    let mut rows = vec![heading.iter().map(|cell| (*cell).to_owned()).collect()];
    for line in lines {
        let cells = cells(line, heading.len());
        let number =
            |column: Option<usize>| column.and_then(|i| cells.get(i)).and_then(|cell| cell.parse::<u32>().ok());
        let Some(pid) = number(Some(pid_column)) else { continue };
        // A parent is listed before its children: pids on a node grow.
        if pid == root || number(column("PPID")).is_some_and(|parent| inside.contains(&parent)) {
            inside.insert(pid);
            rows.push(cells);
        }
    }
    Some(rows)
}

/// As many cells as there are headings; the last has the rest of the line.
fn cells(line: &str, count: usize) -> Vec<String> {
    let mut cells = Vec::new();
    let mut rest = line.trim_start();
    while cells.len() + 1 < count {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        cells.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    cells.push(rest.trim_end().to_owned());
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_container_s_processes_are_shown() {
        let output = "UID        PID  PPID  C STIME TTY          TIME CMD\n\
                      root         1     0  0 09:00 ?        00:00:00 init\n\
                      root         7     1  0 09:00 ?        00:00:00 sh -c sleep 1000\n\
                      root         8     7  0 09:00 ?        00:00:00 sleep 1000\n\
                      root         9     1  0 09:00 ?        00:00:00 ps -ef\n";
        let rows = processes_below(output, 7).expect("there is a PID column");
        let commands: Vec<&str> = rows.iter().map(|row| row[7].as_str()).collect();
        assert_eq!(commands, ["CMD", "sh -c sleep 1000", "sleep 1000"]);
        assert_eq!(processes_below("USER COMMAND\n", 7), None);
    }
}
