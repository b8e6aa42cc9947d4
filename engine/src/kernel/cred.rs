//! Credentials (credentials(7), capabilities(7)): who a process is, and what it may do.
//!
//! Ids are kept as the node's own user namespace numbers them (the kernel's `kuid_t`); what a guest says and sees goes
//! through the map of its user namespace ([`super::userns`]). What execve(2) and the set*id calls make of the
//! capabilities is written here as security/commoncap.c has it.

use crate::call::{CapSets, Capability};
use std::sync::Arc;

/// A set of capabilities, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CapSet(pub u64);

impl CapSet {
    pub(super) const EMPTY: CapSet = CapSet(0);
    /// All that the kernel knows.
    pub(super) const FULL: CapSet = CapSet((1 << Capability::ALL.len()) - 1);

    pub(super) fn has(self, cap: Capability) -> bool {
        self.0 & (1 << cap.number()) != 0
    }

    pub(super) fn with(self, cap: Capability) -> CapSet {
        CapSet(self.0 | 1 << cap.number())
    }

    pub(super) fn without(self, cap: Capability) -> CapSet {
        CapSet(self.0 & !(1 << cap.number()))
    }

    pub(super) fn is_within(self, other: CapSet) -> bool {
        self.0 & !other.0 == 0
    }
}

impl std::ops::BitOr for CapSet {
    type Output = CapSet;
    fn bitor(self, other: CapSet) -> CapSet {
        CapSet(self.0 | other.0)
    }
}

impl std::ops::BitAnd for CapSet {
    type Output = CapSet;
    fn bitand(self, other: CapSet) -> CapSet {
        CapSet(self.0 & other.0)
    }
}

/// Real, effective and saved. The id for files is always the effective one: there is no setfsuid(2) here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ids {
    pub real: u32,
    pub effective: u32,
    pub saved: u32,
}

impl Ids {
    pub(super) fn all(id: u32) -> Ids {
        Ids { real: id, effective: id, saved: id }
    }

    pub(super) fn each(self) -> [u32; 3] {
        [self.real, self.effective, self.saved]
    }

    pub(super) fn has(self, id: u32) -> bool {
        self.each().contains(&id)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cred {
    pub uid: Ids,
    pub gid: Ids,
    /// Supplementary groups, in order of number (kernel/groups.c, groups_sort).
    pub groups: Arc<[u32]>,
    pub inheritable: CapSet,
    pub permitted: CapSet,
    pub effective: CapSet,
    pub bounding: CapSet,
    pub ambient: CapSet,
    /// PR_SET_KEEPCAPS, until the next execve(2).
    pub keep_caps: bool,
    pub no_new_privs: bool,
}

impl Cred {
    /// Root with these capabilities and no more to be had.
    pub(super) fn root(bounding: CapSet) -> Cred {
        Cred {
            uid: Ids::default(),
            gid: Ids::default(),
            groups: Arc::from([]),
            inheritable: CapSet::EMPTY,
            permitted: bounding,
            effective: bounding,
            bounding,
            ambient: CapSet::EMPTY,
            keep_caps: false,
            no_new_privs: false,
        }
    }

    /// The first process in a user namespace, or one that has entered it, has everything there
    /// (kernel/user_namespace.c, set_cred_user_ns).
    pub(super) fn empower(&mut self) {
        (self.inheritable, self.ambient) = (CapSet::EMPTY, CapSet::EMPTY);
        (self.permitted, self.effective, self.bounding) = (CapSet::FULL, CapSet::FULL, CapSet::FULL);
        self.keep_caps = false;
    }

    pub(super) fn is_in_group(&self, gid: u32) -> bool {
        self.gid.effective == gid || self.groups.contains(&gid)
    }

    /// execve(2) of a file without capabilities of its own and without set-id bits. `root` is who user 0 of the user
    /// namespace is; where it is nobody, nobody's capabilities survive.
    pub(super) fn execute(&mut self, root: Option<u32>) {
        let before = self.permitted;
        let is = |id: u32| root == Some(id);
        let by_root = is(self.uid.real) || is(self.uid.effective);
        self.permitted = if by_root { self.bounding | self.inheritable } else { CapSet::EMPTY };
        if self.no_new_privs && !self.permitted.is_within(before) {
            self.permitted = self.permitted & before;
        }
        self.permitted = self.permitted | self.ambient;
        self.effective = if is(self.uid.effective) { self.permitted } else { self.ambient };
        self.uid.saved = self.uid.effective;
        self.gid.saved = self.gid.effective;
        self.keep_caps = false;
    }

    /// What becomes of capabilities when user ids change (capabilities(7), "Effect of user ID changes on capabilities").
    pub(super) fn set_uids(&mut self, new: Ids, root: Option<u32>) {
        let old = std::mem::replace(&mut self.uid, new);
        let Some(root) = root else { return };
        if old.has(root) && !new.has(root) {
            if !self.keep_caps {
                (self.permitted, self.effective) = (CapSet::EMPTY, CapSet::EMPTY);
            }
            self.ambient = CapSet::EMPTY;
        }
        match (old.effective == root, new.effective == root) {
            (true, false) => self.effective = CapSet::EMPTY,
            (false, true) => self.effective = self.permitted,
            _ => {}
        }
    }

    pub(super) fn sets(&self) -> CapSets {
        CapSets { effective: self.effective.0, permitted: self.permitted.0, inheritable: self.inheritable.0 }
    }

    /// capset(2); false if it asks for more than there is. `may_exceed` is CAP_SETPCAP.
    pub(super) fn set_caps(&mut self, wanted: CapSets, may_exceed: bool) -> bool {
        let cut = |set: u64| CapSet(set) & CapSet::FULL;
        let (effective, permitted) = (cut(wanted.effective), cut(wanted.permitted));
        let inheritable = cut(wanted.inheritable);
        let inherits = may_exceed || inheritable.is_within(self.inheritable | self.permitted);
        let bounded = inheritable.is_within(self.inheritable | self.bounding);
        if !inherits || !bounded || !permitted.is_within(self.permitted) || !effective.is_within(permitted) {
            return false;
        }
        (self.effective, self.permitted, self.inheritable) = (effective, permitted, inheritable);
        self.ambient = self.ambient & permitted & inheritable;
        true
    }
}
