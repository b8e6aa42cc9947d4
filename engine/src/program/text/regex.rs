//! POSIX regular expressions, basic and extended, with GNU's `\+ \? \| \w \s` (regex(7)).
//!
//! A pattern becomes a small program that is run over the text with all its possible states at once (Thompson, Pike),
//! so matching takes time proportional to pattern × text whatever the pattern. Back-references are refused.

/// Instructions of one pattern.
const INSTRUCTIONS: usize = 8_000;
const NESTING: u32 = 50;
const REPEATS: u32 = 255;
pub const UNMATCHED_BRACKET: &str = "Unmatched [, [^, [:, [., or [=";
/// Groups whose place is kept: `\0` to `\9`.
const GROUPS: usize = 10;

#[derive(Clone, Debug)]
enum Inst {
    Char(char),
    Any,
    Set { negated: bool, ranges: Vec<(char, char)>, classes: Vec<String> },
    Split(usize, usize),
    Jump(usize),
    Save(usize),
    LineStart,
    LineEnd,
    WordEdge,
    Match,
}

#[derive(Clone, Debug)]
pub struct Regex {
    program: Vec<Inst>,
    ignore_case: bool,
}

/// Where a match and its groups are, in characters.
pub type Groups = [Option<(usize, usize)>; GROUPS];

type Slots = [Option<usize>; GROUPS * 2];

impl Regex {
    /// The error is regerror(3)'s text.
    pub fn new(pattern: &str, extended: bool, ignore_case: bool) -> Result<Regex, &'static str> {
        let mut parser = Parser {
            chars: pattern.chars().collect(),
            at: 0,
            extended,
            program: vec![Inst::Save(0)],
            groups: 0,
            depth: 0,
            open: 0,
        };
        parser.alternatives()?;
        if parser.at < parser.chars.len() {
            return Err(if extended { "Unmatched ( or \\(" } else { "Unmatched ) or \\)" });
        }
        parser.emit(Inst::Save(1))?;
        parser.emit(Inst::Match)?;
        Ok(Regex { program: parser.program, ignore_case })
    }

    pub fn is_match(&self, text: &[char]) -> bool {
        self.find(text, 0).is_some()
    }

    /// The leftmost longest match that begins at `from` or later.
    pub fn find(&self, text: &[char], from: usize) -> Option<Groups> {
        let mut now: Vec<(usize, Slots)> = Vec::new();
        let mut best: Option<Slots> = None;
        let mut at = from;
        loop {
            let mut seen = vec![false; self.program.len()];
            let mut here = Vec::new();
            for (pc, slots) in now.drain(..) {
                self.follow(pc, slots, at, text, &mut seen, &mut here);
            }
            if best.is_none() {
                self.follow(0, [None; GROUPS * 2], at, text, &mut seen, &mut here);
            }
            for (pc, slots) in &here {
                if matches!(self.program[*pc], Inst::Match) && better(slots, best.as_ref()) {
                    best = Some(*slots);
                }
            }
            if let Some(best) = &best {
                here.retain(|(_, slots)| slots[0] == best[0]);
            }
            let Some(&c) = text.get(at) else { break };
            now.extend(here.into_iter().filter(|(pc, _)| self.takes(*pc, c)).map(|(pc, slots)| (pc + 1, slots)));
            if now.is_empty() && best.is_some() {
                break;
            }
            at += 1;
        }
        best.map(|slots| std::array::from_fn(|group| Some((slots[group * 2]?, slots[group * 2 + 1]?))))
    }

    /// Everything that can be reached from `pc` without taking a character.
    fn follow(
        &self,
        pc: usize,
        slots: Slots,
        at: usize,
        text: &[char],
        seen: &mut [bool],
        out: &mut Vec<(usize, Slots)>,
    ) {
        let mut stack = vec![(pc, slots)];
        while let Some((pc, mut slots)) = stack.pop() {
            if std::mem::replace(&mut seen[pc], true) {
                continue;
            }
            match &self.program[pc] {
                Inst::Jump(to) => stack.push((*to, slots)),
                Inst::Split(first, second) => {
                    stack.push((*second, slots));
                    stack.push((*first, slots));
                }
                Inst::Save(slot) => {
                    slots[*slot] = Some(at);
                    stack.push((pc + 1, slots));
                }
                Inst::LineStart if at == 0 => stack.push((pc + 1, slots)),
                Inst::LineEnd if at == text.len() => stack.push((pc + 1, slots)),
                Inst::WordEdge => {
                    let before = at > 0 && word(text[at - 1]);
                    if before != text.get(at).is_some_and(|c| word(*c)) {
                        stack.push((pc + 1, slots));
                    }
                }
                Inst::LineStart | Inst::LineEnd => {}
                _ => out.push((pc, slots)),
            }
        }
    }

    fn takes(&self, pc: usize, c: char) -> bool {
        match &self.program[pc] {
            Inst::Char(wanted) => self.same(*wanted, c),
            Inst::Any => true,
            Inst::Set { negated, ranges, classes } => {
                let within = |c: char| {
                    ranges.iter().any(|(low, high)| *low <= c && c <= *high)
                        || classes.iter().any(|name| super::super::glob::in_class(name, c))
                };
                let found =
                    within(c) || self.ignore_case && (within(c.to_ascii_lowercase()) || within(c.to_ascii_uppercase()));
                found != *negated
            }
            _ => false,
        }
    }

    fn same(&self, a: char, b: char) -> bool {
        a == b || self.ignore_case && a.to_lowercase().eq(b.to_lowercase())
    }
}

fn better(slots: &Slots, best: Option<&Slots>) -> bool {
    match best {
        None => true,
        Some(best) => slots[0] < best[0] || slots[0] == best[0] && slots[1] > best[1],
    }
}

fn word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    extended: bool,
    program: Vec<Inst>,
    groups: usize,
    depth: u32,
    /// Groups that are open here.
    open: u32,
}

impl Parser {
    fn emit(&mut self, inst: Inst) -> Result<usize, &'static str> {
        if self.program.len() >= INSTRUCTIONS {
            return Err("Regular expression too big");
        }
        self.program.push(inst);
        Ok(self.program.len() - 1)
    }

    fn alternatives(&mut self) -> Result<(), &'static str> {
        self.depth += 1;
        if self.depth > NESTING {
            return Err("Regular expression too big");
        }
        let start = self.program.len();
        self.sequence()?;
        if self.operator('|') {
            self.at += if self.extended { 1 } else { 2 };
            self.insert(start, Inst::Split(start + 1, 0))?;
            let jump = self.emit(Inst::Jump(0))?;
            let other = self.program.len();
            self.program[start] = Inst::Split(start + 1, other);
            self.alternatives()?;
            self.program[jump] = Inst::Jump(self.program.len());
        }
        self.depth -= 1;
        Ok(())
    }

    fn sequence(&mut self) -> Result<(), &'static str> {
        let mut first = true;
        while self.at < self.chars.len() && !self.operator('|') && !self.operator(')') {
            let start = self.program.len();
            self.atom(first)?;
            let anchor = matches!(self.program.last(), Some(Inst::LineStart));
            first = anchor;
            self.repeats(start)?;
        }
        Ok(())
    }

    /// Is `c`, as an operator of this syntax, next?
    fn operator(&self, c: char) -> bool {
        let here = self.chars.get(self.at).copied();
        if self.extended {
            here == Some(c) && (c != ')' || self.open > 0)
        } else {
            here == Some('\\') && self.chars.get(self.at + 1) == Some(&c)
        }
    }

    fn atom(&mut self, first: bool) -> Result<(), &'static str> {
        let c = self.chars[self.at];
        if self.operator('(') {
            self.at += if self.extended { 1 } else { 2 };
            self.groups += 1;
            let group = self.groups;
            let kept = group < GROUPS;
            if kept {
                self.emit(Inst::Save(group * 2))?;
            }
            self.open += 1;
            self.alternatives()?;
            if !self.operator(')') {
                return Err("Unmatched ( or \\(");
            }
            self.open -= 1;
            self.at += if self.extended { 1 } else { 2 };
            if kept {
                self.emit(Inst::Save(group * 2 + 1))?;
            }
            return Ok(());
        }
        self.at += 1;
        let last = self.at >= self.chars.len() || self.operator('|') || self.operator(')');
        let inst = match c {
            '.' => Inst::Any,
            '[' => self.set()?,
            '^' if self.extended || first => Inst::LineStart,
            '$' if self.extended || last => Inst::LineEnd,
            '\\' => {
                let Some(&next) = self.chars.get(self.at) else { return Err("Trailing backslash") };
                self.at += 1;
                match next {
                    'n' => Inst::Char('\n'),
                    't' => Inst::Char('\t'),
                    'w' | 'W' | 's' | 'S' => class_escape(next),
                    'b' | '<' | '>' => Inst::WordEdge,
                    '1'..='9' => return Err("Invalid back reference"),
                    c => Inst::Char(c),
                }
            }
            c => Inst::Char(c),
        };
        self.emit(inst)?;
        Ok(())
    }

    /// What follows an atom: `*`, `+`, `?`, `{m,n}`.
    fn repeats(&mut self, start: usize) -> Result<(), &'static str> {
        if matches!(self.program.get(start), Some(Inst::LineStart)) && !self.extended {
            return Ok(());
        }
        loop {
            if self.chars.get(self.at) == Some(&'*') {
                self.at += 1;
                self.star(start)?;
            } else if self.operator('+') {
                self.at += if self.extended { 1 } else { 2 };
                self.emit(Inst::Split(start, self.program.len() + 1))?;
            } else if self.operator('?') {
                self.at += if self.extended { 1 } else { 2 };
                self.optional(start)?;
            } else if self.operator('{') {
                let before = self.at;
                self.at += if self.extended { 1 } else { 2 };
                match self.bounds()? {
                    Some((low, high)) => self.repeat(start, low, high)?,
                    None => {
                        // ERE: a `{` that begins no interval stands for itself.
                        self.at = before + 1;
                        self.emit(Inst::Char('{'))?;
                        return Ok(());
                    }
                }
            } else {
                return Ok(());
            }
        }
    }

    fn star(&mut self, start: usize) -> Result<(), &'static str> {
        self.optional(start)?;
        let end = self.program.len();
        self.emit(Inst::Jump(start))?;
        self.program[start] = Inst::Split(start + 1, end + 1);
        Ok(())
    }

    fn optional(&mut self, start: usize) -> Result<(), &'static str> {
        self.insert(start, Inst::Jump(0))?;
        self.program[start] = Inst::Split(start + 1, self.program.len());
        Ok(())
    }

    fn bounds(&mut self) -> Result<Option<(u32, Option<u32>)>, &'static str> {
        let low = self.digits();
        let mut high = low;
        if self.chars.get(self.at) == Some(&',') {
            self.at += 1;
            high = self.digits();
        } else if low.is_none() {
            return if self.extended { Ok(None) } else { Err("Invalid content of \\{\\}") };
        }
        if !self.operator('}') {
            return if self.extended { Ok(None) } else { Err("Unmatched \\{") };
        }
        self.at += if self.extended { 1 } else { 2 };
        let low = low.unwrap_or(0);
        if low > REPEATS || high.is_some_and(|high| high > REPEATS || high < low) {
            return Err("Invalid content of \\{\\}");
        }
        Ok(Some((low, high)))
    }

    fn digits(&mut self) -> Option<u32> {
        let from = self.at;
        while self.chars.get(self.at).is_some_and(char::is_ascii_digit) {
            self.at += 1;
        }
        self.chars[from..self.at].iter().collect::<String>().parse().ok()
    }

    fn repeat(&mut self, start: usize, low: u32, high: Option<u32>) -> Result<(), &'static str> {
        let body: Vec<Inst> = self.program.drain(start..).collect();
        let copy = |parser: &mut Parser| -> Result<usize, &'static str> {
            let at = parser.program.len();
            for inst in &body {
                parser.emit(shifted(inst, at as isize - start as isize))?;
            }
            Ok(at)
        };
        for _ in 0..low {
            copy(self)?;
        }
        match high {
            None => {
                let at = copy(self)?;
                self.star(at)?;
            }
            Some(high) => {
                for _ in low..high {
                    let at = copy(self)?;
                    self.optional(at)?;
                }
            }
        }
        Ok(())
    }

    /// After `[`.
    fn set(&mut self) -> Result<Inst, &'static str> {
        let negated = self.chars.get(self.at) == Some(&'^');
        self.at += usize::from(negated);
        let (mut ranges, mut classes, mut first) = (Vec::new(), Vec::new(), true);
        loop {
            let Some(&low) = self.chars.get(self.at) else { return Err(UNMATCHED_BRACKET) };
            self.at += 1;
            if low == ']' && !first {
                return Ok(Inst::Set { negated, ranges, classes });
            }
            first = false;
            if low == '[' && self.chars.get(self.at) == Some(&':') {
                let rest = &self.chars[self.at + 1..];
                let Some(len) = rest.iter().position(|&c| c == ':') else { return Err("Invalid character class name") };
                classes.push(rest[..len].iter().collect());
                self.at += len + 3;
                continue;
            }
            let mut high = low;
            if self.chars.get(self.at) == Some(&'-') && self.chars.get(self.at + 1).is_some_and(|&c| c != ']') {
                high = self.chars[self.at + 1];
                self.at += 2;
                if high < low {
                    return Err("Invalid range end");
                }
            }
            ranges.push((low, high));
        }
    }

    /// Puts an instruction before those from `at` on; their targets move with them.
    fn insert(&mut self, at: usize, inst: Inst) -> Result<(), &'static str> {
        if self.program.len() >= INSTRUCTIONS {
            return Err("Regular expression too big");
        }
        let tail: Vec<Inst> = self.program.drain(at..).collect();
        self.program.push(inst);
        self.program.extend(tail.iter().map(|inst| shifted(inst, 1)));
        Ok(())
    }
}

fn shifted(inst: &Inst, by: isize) -> Inst {
    let moved = |to: usize| to.saturating_add_signed(by);
    match inst {
        Inst::Split(a, b) => Inst::Split(moved(*a), moved(*b)),
        Inst::Jump(to) => Inst::Jump(moved(*to)),
        other => other.clone(),
    }
}

fn class_escape(c: char) -> Inst {
    let (ranges, classes) = match c.to_ascii_lowercase() {
        'w' => (vec![('_', '_')], vec!["alnum".to_owned()]),
        _ => (Vec::new(), vec!["space".to_owned()]),
    };
    Inst::Set { negated: c.is_ascii_uppercase(), ranges, classes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, extended: bool, text: &str) -> Option<String> {
        let chars: Vec<char> = text.chars().collect();
        let groups = Regex::new(pattern, extended, false).unwrap().find(&chars, 0)?;
        let (from, to) = groups[0]?;
        Some(chars[from..to].iter().collect())
    }

    #[test]
    fn finds_the_leftmost_longest() {
        for (pattern, extended, text, wanted) in [
            ("a*", false, "baaa", Some("")),
            ("aa*", false, "baaa", Some("aaa")),
            ("a+", true, "baaa", Some("aaa")),
            ("a+", false, "ba+a", Some("a+")),
            ("x|xy", true, "xy", Some("xy")),
            ("(ab)+", true, "xababab", Some("ababab")),
            ("a{2,3}", true, "aaaa", Some("aaa")),
            ("a\\{2\\}", false, "aaaa", Some("aa")),
            ("^b", false, "ab", None),
            ("b$", false, "ab", Some("b")),
            ("[^a-c]+", true, "abcdef", Some("def")),
            ("[[:digit:]]*$", false, "ab12", Some("12")),
            ("a.c", false, "abc", Some("abc")),
            ("\\(a\\|b\\)c", false, "xbc", Some("bc")),
            ("a?b", true, "ab", Some("ab")),
            ("(a|b)*c", true, "ababc", Some("ababc")),
            ("*a", false, "x*a", Some("*a")),
        ] {
            assert_eq!(found(pattern, extended, text).as_deref(), wanted, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_would_explode_does_not() {
        let text: Vec<char> = "a".repeat(2000).chars().collect();
        assert!(!Regex::new("(a*)*b", true, false).unwrap().is_match(&text));
    }
}
