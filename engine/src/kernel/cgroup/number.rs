//! Numbers as the kernel reads them from a file (lib/kstrtox.c).

use crate::call::Errno;

/// kstrtoll with base 0: decimal, `0x` or octal with a leading 0; one newline may follow.
pub(super) fn signed(text: &str) -> Result<i64, Errno> {
    match text.strip_prefix('-') {
        Some(rest) => {
            let magnitude = digits(rest)?;
            0_i64.checked_sub_unsigned(magnitude).ok_or(Errno::ERANGE)
        }
        None => i64::try_from(unsigned(text)?).map_err(|_| Errno::ERANGE),
    }
}

/// kstrtoull with base 0.
pub(super) fn unsigned(text: &str) -> Result<u64, Errno> {
    digits(text.strip_prefix('+').unwrap_or(text))
}

/// kstrtoint with base 0.
pub(in crate::kernel) fn int(text: &str) -> Result<i32, Errno> {
    i32::try_from(signed(text)?).map_err(|_| Errno::ERANGE)
}

/// `max`, or an int that is not negative (kernel/cgroup/cgroup.c, cgroup_max_depth_write).
pub(super) fn int_or_max(text: &str) -> Result<Option<u32>, Errno> {
    match text {
        "max" => Ok(None),
        number => u32::try_from(int(number)?).map(Some).map_err(|_| Errno::ERANGE),
    }
}

pub(super) fn or_max<T: ToString>(limit: Option<T>) -> String {
    limit.map_or_else(|| "max".to_owned(), |limit| limit.to_string())
}

fn digits(text: &str) -> Result<u64, Errno> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let (radix, digits) = match text.as_bytes() {
        [b'0', b'x' | b'X', next, ..] if next.is_ascii_hexdigit() => (16, &text[2..]),
        [b'0', ..] => (8, text),
        _ => (10, text),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(Errno::EINVAL);
    }
    u64::from_str_radix(digits, radix).map_err(|_| Errno::ERANGE)
}

/// memparse (lib/cmdline.c): a number as C has them, and a suffix of K, M, G, T, P or E. No digits are 0; what is too large
/// loses its upper bits.
pub(super) fn with_suffix(text: &str) -> Option<u64> {
    let (radix, rest) = match text.as_bytes() {
        [b'0', b'x' | b'X', next, ..] if next.is_ascii_hexdigit() => (16, &text[2..]),
        [b'0', ..] => (8, text),
        _ => (10, text),
    };
    let end = rest.find(|c: char| !c.is_digit(radix)).unwrap_or(rest.len());
    let digits = rest[..end].chars().filter_map(|c| c.to_digit(radix));
    let number = digits.fold(0_u64, |all, digit| all.wrapping_mul(u64::from(radix)).wrapping_add(u64::from(digit)));
    let shift = match &rest[end..] {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "T" | "t" => 40,
        "P" | "p" => 50,
        "E" | "e" => 60,
        _ => return None,
    };
    Some(number << shift)
}
