//! Identities: 64 hexadecimal digits, and names of the form adjective_surname, as pkg/namesgenerator gives them.
//!
//! The lists are our own, short, in Docker's manner; a name that is taken gets a digit, as Docker does it.

use crate::image::hex;
use crate::sim::Rng;

const ADJECTIVES: &[&str] = &[
    "admiring",
    "amazing",
    "bold",
    "brave",
    "busy",
    "clever",
    "cool",
    "crazy",
    "dazzling",
    "eager",
    "ecstatic",
    "elegant",
    "epic",
    "fervent",
    "focused",
    "gallant",
    "gracious",
    "happy",
    "hopeful",
    "jolly",
    "keen",
    "kind",
    "laughing",
    "loving",
    "modest",
    "mystifying",
    "nifty",
    "nostalgic",
    "optimistic",
    "peaceful",
    "pensive",
    "practical",
    "quirky",
    "relaxed",
    "serene",
    "sharp",
    "silly",
    "stoic",
    "tender",
    "trusting",
    "vibrant",
    "vigilant",
    "wizardly",
    "zealous",
    "zen",
];

const SURNAMES: &[&str] = &[
    "archimedes",
    "babbage",
    "banach",
    "bardeen",
    "bartik",
    "bell",
    "bohr",
    "carson",
    "cerf",
    "curie",
    "darwin",
    "diffie",
    "dijkstra",
    "einstein",
    "elion",
    "euclid",
    "euler",
    "fermat",
    "feynman",
    "franklin",
    "galileo",
    "gauss",
    "goldberg",
    "goodall",
    "hamilton",
    "hawking",
    "heisenberg",
    "hopper",
    "hypatia",
    "johnson",
    "kepler",
    "khorana",
    "lamport",
    "leavitt",
    "lovelace",
    "mayer",
    "mcclintock",
    "meitner",
    "mendel",
    "morse",
    "newton",
    "nobel",
    "noether",
    "pasteur",
    "perlman",
    "ride",
    "ritchie",
    "shannon",
    "tesla",
    "thompson",
    "torvalds",
    "turing",
    "wescoff",
    "wilson",
    "wing",
    "wozniak",
    "wright",
    "yonath",
];

/// How often a fresh name is drawn before a digit is added, as in the daemon's generateAndReserveName.
const TRIES: u32 = 6;

/// A new container's id.
pub(super) fn id(rng: &mut Rng) -> String {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    hex(&bytes)
}

/// A new container's name, not among those for which `taken` holds.
pub(super) fn name(rng: &mut Rng, taken: impl Fn(&str) -> bool) -> String {
    let mut name = String::new();
    for attempt in 0..TRIES {
        name = draw(rng);
        if attempt > 0 {
            name.push_str(&rng.below(10).to_string());
        }
        if !taken(&name) {
            return name;
        }
    }
    while taken(&name) {
        name.push('_');
    }
    name
}

fn draw(rng: &mut Rng) -> String {
    let adjective = ADJECTIVES[rng.below(ADJECTIVES.len() as u64) as usize];
    let surname = SURNAMES[rng.below(SURNAMES.len() as u64) as usize];
    format!("{adjective}_{surname}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Stream;

    #[test]
    fn a_taken_name_is_never_given_again() {
        let mut rng = Rng::new(1, Stream::DockerNames);
        let first = name(&mut rng, |_| false);
        let mut again = Rng::new(1, Stream::DockerNames);
        assert_ne!(name(&mut again, |n| n == first), first);
        let stubborn = name(&mut again, |n| n.len() < 80);
        assert!(stubborn.len() >= 80);
    }
}
