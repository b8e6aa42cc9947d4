//! Whom a process runs as: `USER` and `--user` looked up in the container's passwd and group, as libcontainer/user
//! GetExecUser does it.

/// Bytes of a passwd or group file that are looked at.
const FILE_BYTES: usize = 256 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExecUser {
    pub uid: u32,
    pub gid: u32,
    pub home: String,
}

/// `name`, `uid`, `name:group`, `uid:gid` or nothing; `file` reads a file of the container.
pub(super) fn find(user: &str, file: impl Fn(&str) -> Option<Vec<u8>>) -> Result<ExecUser, String> {
    let (name, group) = user.split_once(':').map_or((user, ""), |(name, group)| (name, group));
    let name = if name.is_empty() { "0" } else { name };
    let passwd = lines(file("etc/passwd"));
    let number = name.parse::<u32>().ok();
    let entry =
        passwd.iter().find(|f| f.first().is_some_and(|n| n == name) || (number.is_some() && id(f, 2) == number));
    let mut found = match (entry, number) {
        (Some(fields), _) => ExecUser {
            uid: id(fields, 2).unwrap_or(0),
            gid: id(fields, 3).unwrap_or(0),
            home: fields.get(5).filter(|home| !home.is_empty()).cloned().unwrap_or_else(|| "/".to_owned()),
        },
        (None, Some(uid)) => ExecUser { uid, gid: 0, home: "/".to_owned() },
        (None, None) => return Err(format!("unable to find user {name}: no matching entries in passwd file")),
    };
    if !group.is_empty() {
        let groups = lines(file("etc/group"));
        let entry = groups.iter().find(|f| f.first().is_some_and(|n| n == group));
        found.gid = match (entry.and_then(|f| id(f, 2)), group.parse()) {
            (Some(gid), _) | (None, Ok(gid)) => gid,
            (None, Err(_)) => return Err(format!("unable to find group {group}: no matching entries in group file")),
        };
    }
    Ok(found)
}

fn lines(file: Option<Vec<u8>>) -> Vec<Vec<String>> {
    let mut file = file.unwrap_or_default();
    file.truncate(FILE_BYTES);
    let text = String::from_utf8_lossy(&file);
    text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
}

fn id(fields: &[String], at: usize) -> Option<u32> {
    fields.get(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(user: &str) -> Result<(u32, u32, String), String> {
        let file = |path: &str| match path {
            "etc/passwd" => Some(b"root:x:0:0:root:/root:/bin/sh\nweb:x:48:49::/srv:/bin/sh\n".to_vec()),
            "etc/group" => Some(b"root:x:0:\nstaff:x:50:web\n".to_vec()),
            _ => None,
        };
        find(user, file).map(|u| (u.uid, u.gid, u.home))
    }

    #[test]
    fn users_and_groups_are_found_by_name_and_by_number() {
        type Found<'a> = Result<(u32, u32, &'a str), &'a str>;
        let cases: &[(&str, Found<'_>)] = &[
            ("", Ok((0, 0, "/root"))),
            ("web", Ok((48, 49, "/srv"))),
            ("48", Ok((48, 49, "/srv"))),
            ("7", Ok((7, 0, "/"))),
            ("5:6", Ok((5, 6, "/"))),
            ("web:staff", Ok((48, 50, "/srv"))),
            ("nobody", Err("unable to find user nobody: no matching entries in passwd file")),
            ("5:bar", Err("unable to find group bar: no matching entries in group file")),
        ];
        for (user, wanted) in cases {
            let wanted = wanted.map(|(u, g, h)| (u, g, h.to_owned())).map_err(str::to_owned);
            assert_eq!(look(user), wanted, "{user}");
        }
    }
}
