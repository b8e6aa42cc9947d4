//! Every state is a link: what was done on every branch, the place in time, the step, the view and the era, as one URL
//! fragment.
//!
//! postcard → a small LZ over a dictionary of what lessons type → a checksum → base64url. A finished lesson stays under
//! 2 KB, so that any chat or board takes it. Reading refuses what is damaged, and says what is wrong with it.

use crate::view_model::moment::World;
use engine::scenario::{Era, Input};
use engine::session::{Branch, BranchId};
use engine::sim::Map;
use serde::{Deserialize, Serialize};

pub const PARAMETER: &str = "s=";
/// The longest fragment that is read (I6): a whole session of pasted files stays below it.
const FRAGMENT_BYTES: usize = 256 * 1024;
const UNPACKED_BYTES: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The first 8 digits of the lesson's hash.
    pub hash: String,
    pub era: Era,
    pub step: u32,
    /// Events that have happened; nothing means all.
    pub position: Option<u32>,
    pub projector: bool,
    /// The choice made at each step's prediction.
    pub chosen: Vec<(u32, u32)>,
    /// The lines of time, each after those it leaves; run in this order, each becomes the branch of its number.
    pub ways: Vec<Way>,
    /// The one that is shown.
    pub way: u16,
}

/// One line of time, as far as it is its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    pub leaves: Option<Leaving>,
    pub script: Vec<Input>,
}

/// Where a line leaves an earlier one: after so many of its inputs, which are so many events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    pub way: u16,
    pub inputs: u16,
    pub events: u32,
}

impl Link {
    /// The same with nothing but the line that is shown: where the number of events says nothing, as in another era.
    pub fn alone(&self) -> Link {
        let script = self.script(self.way, usize::MAX);
        Link { ways: vec![Way { leaves: None, script }], way: 0, ..self.clone() }
    }

    fn script(&self, way: u16, inputs: usize) -> Vec<Input> {
        let Some(Way { leaves, script }) = self.ways.get(usize::from(way)) else { return Vec::new() };
        let before = leaves.map(|leaves| self.script(leaves.way, usize::from(leaves.inputs)));
        before.into_iter().flatten().chain(script.iter().cloned()).take(inputs).collect()
    }

    /// The same, and then this input, at the moment shown.
    pub fn then(&self, world: &World, input: Input) -> Link {
        let mut link = Link { position: None, ..self.clone() };
        let way = usize::from(link.way);
        match self.position {
            Some(events) => {
                let inputs = world.inputs().iter().filter(|input| input.first_event < events).count() as u16;
                link.ways.push(Way { leaves: Some(Leaving { way: link.way, inputs, events }), script: vec![input] });
                link.way = link.ways.len() as u16 - 1;
            }
            None => link.ways[way].script.push(input),
        }
        link
    }

    /// Each way leaves an earlier one, and there is one to show.
    fn is_sound(&self) -> bool {
        let leaves = |(i, way): (usize, &Way)| way.leaves.is_none_or(|leaves| usize::from(leaves.way) < i);
        usize::from(self.way) < self.ways.len() && self.ways.iter().enumerate().all(leaves)
    }
}

/// All branches as ways, the one that shows this branch, and how many events that has. A branch with nothing of its own
/// is a moment of another; what goes on where another ends is its continuation.
pub fn ways(branches: &[Branch], shown: BranchId) -> (Vec<Way>, u16, u32) {
    let mut ways: Vec<(Way, &Branch)> = Vec::new();
    let mut at = 0;
    for branch in branches {
        let shared = |other: &Branch| {
            let pairs = branch.inputs.iter().zip(&other.inputs);
            pairs.take_while(|(own, others)| own.input == others.input).count()
        };
        let nearest = ways.iter().enumerate().map(|(i, (_, other))| (shared(other), std::cmp::Reverse(i))).max();
        let own = |shared: usize| branch.inputs[shared..].iter().map(|input| input.input.clone()).collect::<Vec<_>>();
        let way = match nearest {
            Some((shared, std::cmp::Reverse(i))) if shared == branch.inputs.len() => i,
            Some((shared, std::cmp::Reverse(i))) if shared == ways[i].1.inputs.len() => {
                ways[i].0.script.extend(own(shared));
                ways[i].1 = branch;
                i
            }
            Some((shared, std::cmp::Reverse(i))) => {
                let events = branch.inputs[shared].first_event;
                let leaves = Leaving { way: i as u16, inputs: shared as u16, events };
                ways.push((Way { leaves: Some(leaves), script: own(shared) }, branch));
                ways.len() - 1
            }
            None => {
                ways.push((Way { leaves: None, script: own(0) }, branch));
                0
            }
        };
        if branch.id == shown {
            at = way;
        }
    }
    let events = ways.get(at).map_or(0, |(_, branch)| branch.events.len() as u32);
    (ways.into_iter().map(|(way, _)| way).collect(), at as u16, events)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    TooLong,
    /// A letter that no link has.
    Letter(char),
    /// The end is missing, or a letter was changed.
    Damaged,
    /// From another version of Drydock.
    Version,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::TooLong => write!(f, "it is longer than any session"),
            Broken::Letter(letter) => write!(f, "`{letter}` can not be part of it"),
            Broken::Damaged => write!(f, "a part of it is missing or was changed on the way"),
            Broken::Version => write!(f, "it was made by another version of Drydock"),
        }
    }
}

const VERSION: u8 = 2;

pub fn encode(link: &Link) -> String {
    let plain = postcard::to_allocvec(link).unwrap_or_default();
    let mut bytes = vec![VERSION];
    bytes.extend(pack(&plain));
    bytes.extend(checksum(&bytes).to_le_bytes());
    format!("{PARAMETER}{}", to_base64(&bytes))
}

/// Reads a fragment without its `#`. No session in it at all is `None`.
pub fn decode(fragment: &str) -> Option<Result<Link, Broken>> {
    let letters = fragment.strip_prefix(PARAMETER)?;
    Some(read(letters))
}

fn read(letters: &str) -> Result<Link, Broken> {
    if letters.len() > FRAGMENT_BYTES {
        return Err(Broken::TooLong);
    }
    let bytes = from_base64(letters)?;
    let at = bytes.len().checked_sub(4).ok_or(Broken::Damaged)?;
    let (body, sum) = bytes.split_at(at);
    if checksum(body).to_le_bytes() != sum {
        return Err(Broken::Damaged);
    }
    match body.split_first() {
        Some((&VERSION, packed)) => {
            let plain = unpack(packed).ok_or(Broken::Damaged)?;
            let link: Link = postcard::from_bytes(&plain).map_err(|_| Broken::Version)?;
            if link.is_sound() { Ok(link) } else { Err(Broken::Damaged) }
        }
        _ => Err(Broken::Version),
    }
}

/// FNV-1a: enough to notice a cut or a changed letter.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// What sessions are made of. Changing it is a new [`VERSION`].
const DICTIONARY: &[u8] = b"FROM ubuntu:latest\nFROM openjdk:8\nCOPY /hello.jar /usr/src/hello.jar\n\
CMD java -cp /usr/src/hello.jar org.example.App\nCMD echo \"Hello world\"\nWORKDIR /\nENV ENTRYPOINT \
FROM centos:7\nRUN yum -y update && yum -y install httpd\nEXPOSE 80\nADD run-httpd.sh /run-httpd.sh\n\
RUN chmod -v +x /run-httpd.sh\nCMD [\"/run-httpd.sh\"]\n#!/bin/sh\nexec /usr/sbin/httpd -DFOREGROUND\nDockerfile\
docker image inspect docker inspect --format '{{.RootFS.Layers}}' docker commit docker tag docker logs docker stop web \
docker rm -f docker rmi docker ps -a docker images docker diff web docker history web:1docker run --rm -it busybox sh\
docker exec web rm /etc/yum.confdocker exec web sh -c 'echo Listen 8080 >> /etc/httpd/conf/httpd.conf'\
docker exec web cat /etc/httpd/conf/httpd.confdocker run -d --name web2 web:1docker run -d --name web web:1\
docker build -t web:1 .docker build -t web:2 .ls -l cat ";

const LEAST_MATCH: usize = 4;
const MOST_MATCH: usize = LEAST_MATCH + 127;
const MOST_LITERALS: usize = 128;
/// Earlier places tried for each match.
const TRIES: usize = 64;

/// A control byte below 128 announces that many literals and one more; above, a match and how far back it is (LEB128).
fn pack(plain: &[u8]) -> Vec<u8> {
    let all = [DICTIONARY, plain].concat();
    let mut seen: Map<[u8; LEAST_MATCH], Vec<usize>> = Map::new();
    let key = |at: usize| all.get(at..at + LEAST_MATCH).and_then(|four| <[u8; LEAST_MATCH]>::try_from(four).ok());
    let note = |at: usize, seen: &mut Map<_, Vec<usize>>| {
        if let Some(key) = key(at) {
            seen.get_or_insert_with(key, Vec::new).push(at);
        }
    };
    (0..DICTIONARY.len()).for_each(|at| note(at, &mut seen));
    let (mut out, mut literals, mut at) = (Vec::new(), Vec::new(), DICTIONARY.len());
    while at < all.len() {
        let places = key(at).and_then(|key| seen.get(&key));
        let best = places.and_then(|places| {
            let length = |from: &usize| {
                let most = (all.len() - at).min(MOST_MATCH);
                (0..most).take_while(|i| all[from + i] == all[at + i]).count()
            };
            places.iter().rev().take(TRIES).map(|from| (length(from), *from)).max()
        });
        let taken = match best {
            Some((length, from)) if length >= LEAST_MATCH => {
                flush(&mut out, &mut literals);
                out.push(128 | (length - LEAST_MATCH) as u8);
                push_number(&mut out, at - from);
                length
            }
            _ => {
                literals.push(all[at]);
                1
            }
        };
        (at..at + taken).for_each(|at| note(at, &mut seen));
        at += taken;
    }
    flush(&mut out, &mut literals);
    out
}

fn flush(out: &mut Vec<u8>, literals: &mut Vec<u8>) {
    for run in literals.chunks(MOST_LITERALS) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
    literals.clear();
}

fn push_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 128 {
        out.push((number & 127) as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let mut all = DICTIONARY.to_vec();
    let mut rest = packed;
    while let Some((&control, after)) = rest.split_first() {
        if control < 128 {
            let (literals, after) = after.split_at_checked(usize::from(control) + 1)?;
            all.extend_from_slice(literals);
            rest = after;
        } else {
            let (distance, after) = read_number(after)?;
            let from = all.len().checked_sub(distance).filter(|_| distance > 0)?;
            for i in 0..usize::from(control & 127) + LEAST_MATCH {
                all.push(all[from + i]);
            }
            rest = after;
        }
        if all.len() > UNPACKED_BYTES {
            return None;
        }
    }
    Some(all.split_off(DICTIONARY.len()))
}

fn read_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (i, byte) in bytes.iter().take(4).enumerate() {
        number |= usize::from(byte & 127) << (7 * i);
        if byte & 128 == 0 {
            return Some((number, &bytes[i + 1..]));
        }
    }
    None
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// RFC 4648, section 5, without padding.
fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 3);
    for three in bytes.chunks(3) {
        let bits = three.iter().enumerate().fold(0u32, |bits, (i, byte)| bits | u32::from(*byte) << (16 - 8 * i));
        for i in 0..=three.len() {
            out.push(LETTERS[(bits >> (18 - 6 * i) & 63) as usize] as char);
        }
    }
    out
}

fn from_base64(letters: &str) -> Result<Vec<u8>, Broken> {
    let mut out = Vec::with_capacity(letters.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0);
    for letter in letters.chars() {
        let value = LETTERS.iter().position(|known| char::from(*known) == letter).ok_or(Broken::Letter(letter))?;
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 255) as u8);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::session::InputRecord;

    fn finished() -> Link {
        let line = |text: &str| Input::Line(text.to_owned());
        let mut script = vec![line("docker build -t web:1 ."), line("docker run -d --name web web:1")];
        script
            .push(Input::Save { path: "Dockerfile".into(), content: crate::fixture::DOCKERFILE.replace("80", "8080") });
        for i in 0..30 {
            script.push(line(&format!(
                "docker exec web sh -c 'echo Listen {} >> /etc/httpd/conf/{i}.conf'",
                8080 + i * 7
            )));
        }
        let chosen = vec![(0, 1), (2, 0)];
        Link {
            hash: "0badc0de".into(),
            era: Era::Today,
            step: 4,
            position: Some(212),
            projector: false,
            chosen,
            ways: vec![Way { leaves: None, script }],
            way: 0,
        }
    }

    #[test]
    fn a_link_restores_what_it_was_made_of() {
        let link = finished();
        assert_eq!(decode(&encode(&link)), Some(Ok(link.clone())));
        let empty = Link { ways: vec![Way { leaves: None, script: vec![] }], chosen: vec![], position: None, ..link };
        assert_eq!(decode(&encode(&empty)), Some(Ok(empty)));
        assert_eq!(decode("elsewhere"), None);
    }

    #[test]
    fn a_finished_lesson_is_below_two_kilobytes() {
        let length = encode(&finished()).len();
        assert!(length < 2_000, "{length}");
    }

    #[test]
    fn a_damaged_link_is_refused_whatever_was_changed() {
        let whole = encode(&finished());
        for cut in [3, 10, whole.len() / 2, whole.len() - 1] {
            assert!(matches!(decode(&whole[..cut]), Some(Err(_))), "cut at {cut}");
        }
        for at in (PARAMETER.len()..whole.len()).step_by(7) {
            let mut letters: Vec<u8> = whole.clone().into_bytes();
            letters[at] = if letters[at] == b'A' { b'B' } else { b'A' };
            assert!(matches!(decode(&String::from_utf8(letters).unwrap()), Some(Err(_))), "changed at {at}");
        }
        assert_eq!(decode("s=a!b"), Some(Err(Broken::Letter('!'))));
    }

    #[test]
    fn a_way_that_leaves_none_before_it_is_refused() {
        let leaves = |way| Some(Leaving { way, inputs: 1, events: 9 });
        let way = |leaves| Way { leaves, script: vec![Input::Eof] };
        let with = |ways: Vec<Way>, way| decode(&encode(&Link { ways, way, ..finished() })).unwrap();
        let link = with(vec![way(None), way(leaves(0)), way(leaves(1))], 2).unwrap();
        assert_eq!(link.alone().ways[0].script.len(), 2, "one of the second, one of its own");
        for (ways, shown) in
            [(vec![], 0), (vec![way(None)], 1), (vec![way(leaves(0))], 0), (vec![way(None), way(leaves(1))], 0)]
        {
            assert_eq!(with(ways, shown), Err(Broken::Damaged));
        }
    }

    #[test]
    fn branches_are_ways_of_their_own_parts() {
        let all = |id: u16, lines: &[&str]| {
            let mut branch = crate::fixture::world().history.branches[0].clone();
            let like = branch.inputs[0].clone();
            let input = |(i, line): (usize, &&str)| InputRecord {
                input: Input::Line((*line).to_owned()),
                first_event: 4 * i as u32,
                ..like.clone()
            };
            branch.id = BranchId(id);
            branch.inputs = lines.iter().enumerate().map(input).collect();
            branch
        };
        let branches = [all(0, &["a", "b", "c"]), all(1, &["a", "x"]), all(2, &["a", "x", "y"]), all(3, &["a", "b"])];
        let (of, shown, _) = ways(&branches, BranchId(2));
        assert_eq!(shown, 1, "what goes on where the second ends is the second");
        assert_eq!(of.iter().map(|way| way.script.len()).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(of[1].leaves, Some(Leaving { way: 0, inputs: 1, events: 4 }));
        assert_eq!(ways(&branches, BranchId(3)).1, 0, "the last has nothing of its own");
    }

    #[test]
    fn repetition_is_packed_and_unpacked() {
        for plain in [b"".to_vec(), b"abc".to_vec(), b"abcabcabcabcabc".repeat(40), (0..=255).collect()] {
            assert_eq!(unpack(&pack(&plain)), Some(plain));
        }
        assert_eq!(unpack(&[0x80, 0xff, 0xff, 0x7f]), None);
    }
}
