//! `--cap-add` and `--cap-drop`: names as moby normalises them, and what a container is left (oci/caps/utils.go).

use super::request::ContainerConfig;
use crate::call::{CONTAINER_CAPABILITIES, Capability, NODE_CAPABILITIES};
use crate::sim::Set;
use serde_json::Value;

const ALL: &str = "ALL";

/// A name of either spelling: `ALL`, or with `CAP_` before it.
fn normalised(name: &str) -> String {
    let name = name.to_uppercase();
    if name == ALL || name.starts_with("CAP_") { name } else { format!("CAP_{name}") }
}

fn bit(name: &str) -> Option<u64> {
    Capability::ALL.iter().find(|cap| cap.name() == name).map(|cap| cap.bit())
}

/// The daemon knows only names of capabilities (NormalizeLegacyCapabilities).
pub(super) fn check(names: &[String]) -> Result<(), String> {
    let unknown = names.iter().map(|name| normalised(name)).find(|name| name != ALL && bit(name).is_none());
    match unknown {
        Some(name) => Err(format!("unknown capability: \"{name}\"")),
        None => Ok(()),
    }
}

/// What the client of today makes of the names before it asks, and inspect shows: each once, in order; what is added is
/// not dropped (cli, opts/capabilities.go). What a container is left is the same without.
pub(super) fn effective(add: &[String], drop: &[String]) -> (Vec<String>, Vec<String>) {
    let each = |names: &[String]| names.iter().map(|name| normalised(name)).collect::<Set<_>>();
    let (add, mut drop) = (each(add), each(drop));
    drop.retain(|name| !add.contains(name));
    (add.into_iter().collect(), drop.into_iter().collect())
}

pub(super) fn shown(names: Vec<String>) -> Value {
    if names.is_empty() { Value::Null } else { names.into() }
}

/// TweakCapabilities. What reaches through to the real machine its node does not have, and cannot give.
pub(super) fn granted(config: &ContainerConfig) -> u64 {
    let has_all = |names: &[String]| names.iter().any(|name| name == ALL);
    let bits = |names: &[String]| names.iter().filter_map(|name| bit(name)).fold(0, |all, bit| all | bit);
    let (cap_add, cap_drop) = effective(&config.cap_add, &config.cap_drop);
    let (add, drop) = (bits(&cap_add), bits(&cap_drop));
    let granted = match (has_all(&cap_add), has_all(&cap_drop)) {
        (true, _) => !drop,
        (false, true) => add,
        (false, false) => (CONTAINER_CAPABILITIES & !drop) | add,
    };
    granted & (NODE_CAPABILITIES | CONTAINER_CAPABILITIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `docker create` of 28.2.2 makes them, looked up with `docker inspect`.
    #[test]
    fn names_are_told_in_one_spelling_and_in_order() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (add, drop) = effective(&words("SYS_ADMIN cap_net_admin all"), &words("kill CHOWN"));
        assert_eq!((add, drop), (words("ALL CAP_NET_ADMIN CAP_SYS_ADMIN"), words("CAP_CHOWN CAP_KILL")));
    }

    #[test]
    fn capabilities_are_dropped_before_others_are_added() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let granted = |add: &str, drop: &str| {
            granted(&ContainerConfig { cap_add: words(add), cap_drop: words(drop), ..ContainerConfig::default() })
        };
        assert_eq!(granted("", ""), CONTAINER_CAPABILITIES);
        assert_eq!(granted("kill", "all"), Capability::CAP_KILL.bit());
        assert_eq!(granted("SYS_ADMIN", "cap_kill CHOWN"), 0xa804_25fb & !0x21 | 1 << 21);
        assert_eq!(granted("ALL", "SYS_ADMIN"), (NODE_CAPABILITIES | CONTAINER_CAPABILITIES) & !(1 << 21));
    }
}
