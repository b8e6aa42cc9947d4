//! The words after `node-runtime run`, parsed once.

use super::group::Limits;

pub const WORDS: &str = "[--memory BYTES] [--cpus N] [--pids-limit N] [--read-only] [--hostname NAME] [--user UID[:GID]] \
                         ROOTFS COMMAND…";
const HOSTNAME: &str = "container";
/// Docker's least (moby, daemon/daemon_unix.go, linuxMinMemory): with less nothing starts.
const LEAST_MEMORY_BYTES: u64 = 6 << 20;
/// The kernel's least quota, 1 ms (kernel/sched/core.c, min_cfs_quota_period), of a period of 100.
const LEAST_CPU_MILLI: u64 = 10;
const MOST_CPU_MILLI: u64 = 1_000_000_000;

#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub limits: Limits,
    pub read_only: bool,
    pub hostname: String,
    pub uid: u32,
    pub gid: u32,
    pub rootfs: String,
    pub command: Vec<String>,
}

impl Options {
    pub fn parse(words: &[String]) -> Result<Options, String> {
        let mut options = Options {
            limits: Limits::default(),
            read_only: false,
            hostname: HOSTNAME.to_owned(),
            uid: 0,
            gid: 0,
            rootfs: String::new(),
            command: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if !word.starts_with('-') {
                (options.rootfs, options.command) = (word.clone(), words.cloned().collect());
                break;
            }
            let (name, inline) =
                word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
            let mut value =
                || inline.or_else(|| words.next().map(String::as_str)).ok_or(format!("`{name}` wants a value"));
            match name {
                "--memory" => options.limits.memory_bytes = Some(bytes(value()?)?),
                "--cpus" => options.limits.cpu_milli = Some(cpu_milli(value()?)?),
                "--pids-limit" => options.limits.pids = Some(number(value()?)?),
                "--read-only" => options.read_only = true,
                "--hostname" => options.hostname = value()?.to_owned(),
                "--user" => (options.uid, options.gid) = user(value()?)?,
                _ => return Err(format!("`run` has no option `{name}`")),
            }
        }
        if options.command.is_empty() {
            return Err("`run` wants a directory that is to be `/`, and a command".to_owned());
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

/// With Docker's suffixes b, k, m, g.
fn bytes(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let units = [('b', 0), ('k', 10), ('m', 20), ('g', 30)];
    let unit = units.iter().find_map(|(suffix, shift)| Some((lower.strip_suffix(*suffix)?, *shift)));
    let (digits, shift) = unit.unwrap_or((&lower, 0));
    let count: u64 = digits.parse().map_err(|_| format!("`{text}` is not a number of bytes, as 64m is"))?;
    let bytes = count.checked_mul(1 << shift).ok_or(format!("`{text}` is more than there can be"))?;
    if bytes < LEAST_MEMORY_BYTES {
        return Err(format!("`--memory` is at least 6m, and not `{text}`: nothing starts with less"));
    }
    Ok(bytes)
}

fn cpu_milli(text: &str) -> Result<u64, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let thousandths = format!("{fraction:0<3}");
    let parsed = whole.parse::<u64>().ok().zip(thousandths.get(..3).and_then(|digits| digits.parse::<u64>().ok()));
    let milli = parsed.and_then(|(whole, rest)| whole.checked_mul(1000)?.checked_add(rest));
    match milli {
        Some(milli) if (LEAST_CPU_MILLI..=MOST_CPU_MILLI).contains(&milli) => Ok(milli),
        _ => Err(format!("`--cpus` is a number of processors from 0.01 on, as 1.5 is, and not `{text}`")),
    }
}

/// A user without a group has that of root, as under Docker.
fn user(text: &str) -> Result<(u32, u32), String> {
    let (uid, gid) = text.split_once(':').unwrap_or((text, "0"));
    Ok((number(uid)?, number(gid)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn words_become_options_or_a_reason() {
        let options = parse("--memory 64m --cpus=1.5 --pids-limit 9 --read-only --user 7:8 /r ls -l").unwrap();
        let limits = Limits { memory_bytes: Some(64 << 20), cpu_milli: Some(1500), pids: Some(9) };
        assert_eq!(options.limits, limits);
        assert_eq!((options.read_only, options.uid, options.gid, options.hostname.as_str()), (true, 7, 8, "container"));
        assert_eq!((options.rootfs.as_str(), options.command), ("/r", vec!["ls".to_owned(), "-l".to_owned()]));
        assert_eq!(
            parse("--cpus .25 /r x").map(|o| o.limits.cpu_milli),
            Err("`--cpus` is a number of processors from 0.01 on, as 1.5 is, and not `.25`".into())
        );
        let wrong = [
            ("--memory 1m /r x", "`--memory` is at least 6m, and not `1m`: nothing starts with less"),
            ("--memory lots /r x", "`lots` is not a number of bytes, as 64m is"),
            ("--memory 99999999999g /r x", "`99999999999g` is more than there can be"),
            ("--cpus 0 /r x", "`--cpus` is a number of processors from 0.01 on, as 1.5 is, and not `0`"),
            ("--pids-limit", "`--pids-limit` wants a value"),
            ("--user root /r x", "`root` is not a number"),
            ("--net host /r x", "`run` has no option `--net`"),
            ("/r", "`run` wants a directory that is to be `/`, and a command"),
        ];
        for (line, reason) in wrong {
            assert_eq!(parse(line), Err(reason.to_owned()), "{line}");
        }
    }
}
