//! Options as GNU's getopt_long(3) takes them: anywhere before `--`, letters together, `--name=value`.

use super::{Program, plain};

/// Which options a tool has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Letters without a value.
    pub flags: &'static str,
    /// Letters with one.
    pub values: &'static str,
    /// Letters that may have one, in the same word: `-r/dir`, `--root=/dir`. Without it they count as flags.
    pub optional: &'static str,
    /// Long names and the letter each stands for.
    pub long: &'static [(&'static str, char)],
    /// The first operand ends the options, as for `env` and `xargs`.
    pub posix: bool,
}

/// What was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The letters given, in order.
    pub flags: String,
    pub values: Vec<(char, String)>,
    pub operands: Vec<String>,
}

/// A mistake in the options; the message is GNU's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse {
    text: String,
}

impl Misuse {
    /// `NAME: TEXT`, and the hint at `--help`.
    pub fn new(says: &str, text: String) -> Misuse {
        Misuse { text: format!("{says}: {text}\nTry '{says} --help' for more information.\n") }
    }

    /// `NAME: TEXT` alone.
    pub fn plain(says: &str, text: &str) -> Misuse {
        Misuse { text: format!("{says}: {text}\n") }
    }

    pub fn whole(text: String) -> Misuse {
        Misuse { text }
    }

    pub fn with_status(self, status: i32) -> Program {
        plain::said("", "", &self.text, status)
    }
}

impl Parsed {
    pub fn of(says: &str, args: &[String], options: &Options) -> Result<Parsed, Misuse> {
        let mut out = Parsed::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == "--" {
                out.operands.extend(args.cloned());
                break;
            }
            if let Some(long) = arg.strip_prefix("--") {
                out.long(says, long, options, &mut args)?;
            } else if arg.len() > 1 && arg.starts_with('-') {
                out.short(says, &arg[1..], options, &mut args)?;
            } else {
                out.operands.push(arg.clone());
                if options.posix {
                    out.operands.extend(args.cloned());
                    break;
                }
            }
        }
        Ok(out)
    }

    pub fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    /// The last value given for a letter.
    pub fn value(&self, letter: char) -> Option<&str> {
        self.values.iter().rev().find(|(c, _)| *c == letter).map(|(_, value)| value.as_str())
    }

    fn long<'a>(
        &mut self,
        says: &str,
        long: &str,
        options: &Options,
        args: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), Misuse> {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        let exact = options.long.iter().find(|(known, _)| *known == name);
        let found = exact.or_else(|| options.long.iter().find(|(known, _)| known.starts_with(name)));
        let Some((known, letter)) = found else {
            return Err(Misuse::new(says, format!("unrecognized option '--{name}'")));
        };
        if options.values.contains(*letter) {
            let Some(value) = value.or_else(|| args.next().cloned()) else {
                return Err(Misuse::new(says, format!("option '--{known}' requires an argument")));
            };
            self.values.push((*letter, value));
        } else if let Some(value) = value.filter(|_| options.optional.contains(*letter)) {
            self.values.push((*letter, value));
        } else {
            self.flags.push(*letter);
        }
        Ok(())
    }

    fn short<'a>(
        &mut self,
        says: &str,
        letters: &str,
        options: &Options,
        args: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), Misuse> {
        for (at, letter) in letters.char_indices() {
            if options.values.contains(letter) {
                let rest = &letters[at + letter.len_utf8()..];
                let value = if rest.is_empty() { args.next().cloned() } else { Some(rest.to_owned()) };
                let Some(value) = value else {
                    return Err(Misuse::new(says, format!("option requires an argument -- '{letter}'")));
                };
                self.values.push((letter, value));
                return Ok(());
            }
            if options.optional.contains(letter) {
                match &letters[at + letter.len_utf8()..] {
                    "" => self.flags.push(letter),
                    value => self.values.push((letter, value.to_owned())),
                }
                return Ok(());
            }
            if !options.flags.contains(letter) {
                return Err(Misuse::new(says, format!("invalid option -- '{letter}'")));
            }
            self.flags.push(letter);
        }
        Ok(())
    }
}
