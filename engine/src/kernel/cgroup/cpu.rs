//! The cpu controller: how much of the processors a group may have, and its share of them when others want them too
//! (cgroup-v2.rst, "CPU"; scheduler/sched-bwc.rst; kernel/sched/core.c, tg_set_cfs_bandwidth).

use super::{ControlGroups, GroupId, number};
use crate::call::Errno;

/// A quota and a period, in microseconds: at least and at most.
const LEAST_US: u64 = 1_000;
const LONGEST_PERIOD_US: u64 = 1_000_000;
/// MAX_BW of kernel/sched/sched.h.
const LARGEST_QUOTA_US: u64 = (1 << 44) - 1;
/// Bits behind the point of a ratio (BW_SHIFT).
const RATIO_BITS: u32 = 20;
/// Weights of version 2, and shares of version 1, of an ordinary group.
const WEIGHT: u64 = 100;
const SHARES: u64 = 1024;
const LEAST_SHARES: u64 = 2;
const MOST_SHARES: u64 = 1 << 18;

#[derive(Clone, Debug)]
pub(super) struct Cpu {
    pub quota_us: Option<u64>,
    pub period_us: u64,
    /// Of version 1; version 2 tells them as a weight.
    pub shares: u64,
}

impl Default for Cpu {
    fn default() -> Cpu {
        Cpu { quota_us: None, period_us: 100_000, shares: SHARES }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum What {
    /// `cpu.max`.
    Max,
    /// `cpu.weight`.
    Weight,
    /// `cpu.cfs_quota_us`, `cpu.cfs_period_us`, `cpu.shares`.
    Quota,
    Period,
    Shares,
}

pub(super) fn read(all: &ControlGroups, group: GroupId, what: What) -> Result<String, Errno> {
    let cpu = all.group(group).cpu.as_ref().ok_or(Errno::ENODEV)?;
    Ok(match what {
        What::Max => format!("{} {}\n", number::or_max(cpu.quota_us), cpu.period_us),
        What::Weight => format!("{}\n", rounded(cpu.shares * WEIGHT, SHARES)),
        What::Quota => cpu.quota_us.map_or_else(|| "-1\n".to_owned(), |quota| format!("{quota}\n")),
        What::Period => format!("{}\n", cpu.period_us),
        What::Shares => format!("{}\n", cpu.shares),
    })
}

pub(super) fn write(all: &mut ControlGroups, group: GroupId, what: What, text: &str) -> Result<(), Errno> {
    let cpu = all.group(group).cpu.as_ref().ok_or(Errno::ENODEV)?;
    let (quota_us, period_us) = (cpu.quota_us, cpu.period_us);
    match what {
        What::Max => {
            let (quota_us, period_us) = max(text, period_us)?;
            all.set_bandwidth(group, quota_us, period_us)
        }
        What::Quota => {
            let quota_us = number::signed(text)?;
            all.set_bandwidth(group, u64::try_from(quota_us).ok(), period_us)
        }
        What::Period => all.set_bandwidth(group, quota_us, number::unsigned(text)?),
        What::Weight => match number::unsigned(text)? {
            weight @ 1..=10_000 => all.set_shares(group, rounded(weight * SHARES, WEIGHT)),
            _ => Err(Errno::ERANGE),
        },
        What::Shares => all.set_shares(group, number::unsigned(text)?),
    }
}

/// `QUOTA [PERIOD]`, either `max` or a number first (cpu_period_quota_parse, which reads with sscanf).
fn max(text: &str, period_us: u64) -> Result<(Option<u64>, u64), Errno> {
    let mut words = text.split_ascii_whitespace();
    let leading = |word: &str| -> Option<u64> {
        let digits = word.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(word.len());
        word[..digits].parse().ok()
    };
    let quota = words.next().ok_or(Errno::EINVAL)?;
    let period_us = words.next().and_then(leading).unwrap_or(period_us);
    match leading(quota) {
        Some(quota_us) => Ok((Some(quota_us), period_us)),
        None if quota == "max" => Ok((None, period_us)),
        None => Err(Errno::EINVAL),
    }
}

/// DIV_ROUND_CLOSEST.
fn rounded(dividend: u64, divisor: u64) -> u64 {
    (dividend + divisor / 2) / divisor
}

impl ControlGroups {
    fn set_shares(&mut self, group: GroupId, shares: u64) -> Result<(), Errno> {
        if let Some(cpu) = self.group_mut(group).cpu.as_mut() {
            cpu.shares = shares.clamp(LEAST_SHARES, MOST_SHARES);
        }
        Ok(())
    }

    fn set_bandwidth(&mut self, group: GroupId, quota_us: Option<u64>, period_us: u64) -> Result<(), Errno> {
        let quota_fits = quota_us.is_none_or(|quota| (LEAST_US..=LARGEST_QUOTA_US).contains(&quota));
        if !quota_fits || !(LEAST_US..=LONGEST_PERIOD_US).contains(&period_us) {
            return Err(Errno::EINVAL);
        }
        let old = self.group(group).cpu.clone();
        if let Some(cpu) = self.group_mut(group).cpu.as_mut() {
            (cpu.quota_us, cpu.period_us) = (quota_us, period_us);
        }
        // In version 1 no group may be allowed more than the one above it (tg_cfs_schedulable_down).
        if !self.is_v2(group) && !self.are_ratios_ordered(group) {
            self.group_mut(group).cpu = old;
            return Err(Errno::EINVAL);
        }
        Ok(())
    }

    fn are_ratios_ordered(&self, changed: GroupId) -> bool {
        self.below(changed).into_iter().all(|group| {
            let Some(own) = self.ratio(group) else { return true };
            let above = self.upward(group).skip(1).find_map(|above| self.ratio(above));
            above.is_none_or(|above| own <= above)
        })
    }

    fn ratio(&self, group: GroupId) -> Option<u128> {
        let cpu = self.group(group).cpu.as_ref()?;
        cpu.quota_us.map(|quota| (u128::from(quota) << RATIO_BITS) / u128::from(cpu.period_us))
    }
}
