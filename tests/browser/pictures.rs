//! Screenshots: kept as artefacts, and compared with references that `cargo xtask record --screens` keeps.
//!
//! The browser itself reads and compares the images, so no image code is needed here.

use super::webdriver::Browser;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

pub const SIZES: [(u32, u32); 3] = [(1280, 720), (1920, 1080), (390, 844)];
/// The share of pixels that may differ, in thousandths: text is drawn a little differently by each machine.
const TOLERANCE_MILLI: u64 = 10;
/// How far a channel may be off before its pixel counts as different.
const CHANNEL: u32 = 24;

/// Whether references are being recorded instead of compared.
pub fn recording() -> bool {
    std::env::var_os("DRYDOCK_RECORD_SCREENS").is_some()
}

/// Takes a screenshot of what is shown; gives what is wrong with it.
pub fn check(browser: &Browser, name: &str) -> Option<String> {
    let taken = browser.screenshot();
    let png = decode(&taken);
    let artefact = drydock_tests::artefacts("screens").join(format!("{name}.png"));
    keep(&artefact, &png);
    let reference = references().join(format!("{name}.png"));
    if recording() {
        keep(&reference, &png);
        return None;
    }
    let Ok(wanted) = fs::read(&reference) else {
        return Some(format!("{name}: there is no reference (cargo xtask record --screens)"));
    };
    let share = differing_milli(browser, &taken, &encode(&wanted));
    (share > TOLERANCE_MILLI).then(|| {
        format!(
            "{name}: {share}/1000 of the pixels differ from the reference, {TOLERANCE_MILLI} may: {}",
            artefact.display()
        )
    })
}

fn references() -> PathBuf {
    drydock_tests::root().join("tests/browser/reference")
}

fn keep(path: &PathBuf, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a directory for pictures");
    fs::write(path, bytes).expect("a picture is written");
}

/// Thousandths of the pixels that differ; 1000 for another size. Compared in an empty page, which has no policy.
fn differing_milli(browser: &Browser, one: &str, other: &str) -> u64 {
    let back = browser.address();
    browser.open("about:blank");
    let script = format!(
        "const [[one, other], done] = arguments; \
         const pixels = async data => {{ \
           const image = new Image(); image.src = 'data:image/png;base64,' + data; await image.decode(); \
           const canvas = new OffscreenCanvas(image.width, image.height), draw = canvas.getContext('2d'); \
           draw.drawImage(image, 0, 0); return draw.getImageData(0, 0, image.width, image.height); }}; \
         Promise.all([pixels(one), pixels(other)]).then(([a, b]) => {{ \
           if (a.width !== b.width || a.height !== b.height) return done(1000); \
           let off = 0; \
           for (let i = 0; i < a.data.length; i += 4) \
             if ([0, 1, 2].some(c => Math.abs(a.data[i + c] - b.data[i + c]) > {CHANNEL})) off++; \
           done(Math.ceil(off * 1000 / (a.data.length / 4))); }}, () => done(1000));"
    );
    let share = browser.run_async(&script, &json!([one, other]));
    browser.open(&back);
    share.as_u64().unwrap_or_else(|| panic!("not a share: {}", Value::to_string(&share)))
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, 4.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut bits) = (0_u32, 0);
    for digit in text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte)) {
        group = group << 6 | u32::try_from(digit).expect("six bits");
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(group >> bits & 0xff).expect("eight bits"));
        }
    }
    bytes
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = usize::try_from(group >> (18 - 6 * place) & 63).expect("six bits");
            text.push(if place <= chunk.len() { char::from(DIGITS[digit]) } else { '=' });
        }
    }
    text
}

#[test]
fn pictures_survive_base64() {
    for length in 0_u8..20 {
        let bytes: Vec<u8> = (0..length).map(|byte: u8| byte.wrapping_mul(37)).collect();
        assert_eq!(decode(&encode(&bytes)), bytes);
    }
}
