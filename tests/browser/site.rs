//! The built site, served by `node-runtime serve` as a person would have it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A server on a free port, ended when dropped.
#[derive(Debug)]
pub struct Served {
    process: Child,
    pub url: String,
}

impl Served {
    /// `Err` is what is missing.
    pub fn start() -> Result<Served, String> {
        let dist = std::env::var_os("DRYDOCK_DIST").map_or_else(|| drydock_tests::root().join("dist"), PathBuf::from);
        if !dist.join("index.html").exists() {
            return Err("no site: `cargo xtask build` makes it".into());
        }
        let binary = std::env::var_os("DRYDOCK_NODE_RUNTIME").map(PathBuf::from).or_else(built);
        let binary = binary.ok_or("no node-runtime: `cargo xtask test` builds it")?;
        let mut process = Command::new(binary)
            .args(["serve", "--port", "0", "--dist"])
            .arg(dist)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("node-runtime does not start: {error}"))?;
        // `Drydock: http://127.0.0.1:40123/`
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("Drydock: ").map(String::from));
        // The rest is read, so that the server never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        match url {
            Some(url) => Ok(Served { process, url }),
            None => {
                let _ = process.wait();
                Err("node-runtime serve ended at once".into())
            }
        }
    }
}

fn built() -> Option<PathBuf> {
    let target = drydock_tests::root().join("target");
    let musl = format!("{}-unknown-linux-musl/release/node-runtime", std::env::consts::ARCH);
    [target.join(musl), target.join("debug/node-runtime")].into_iter().find(|path| path.is_file())
}

impl Served {
    pub fn stop(&mut self) {
        // SIGTERM and not SIGKILL: a real node may be running, and the end in order is part of what is tested.
        if matches!(self.process.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop();
    }
}
