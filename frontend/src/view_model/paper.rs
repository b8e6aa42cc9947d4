//! A file in the editor: as it is in the world, and what was typed over it. A draft lasts until it is saved or discarded,
//! whatever happens to the world meanwhile.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paper {
    /// Whether the world was asked for it yet.
    read: bool,
    /// As it is now; nothing if there is no such file.
    file: Option<String>,
    draft: Option<Draft>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Draft {
    text: String,
    /// The file that it was typed over.
    base: Option<String>,
    /// What was sent to be saved and has not been read back yet.
    sent: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Saved,
    Unsaved,
    /// The file is no longer the one that was typed over.
    Overtaken,
    /// The same, because it is gone.
    Gone,
}

impl Paper {
    /// What the world answered.
    pub fn read(&mut self, file: Option<String>) {
        self.read = true;
        if let Some(draft) = &mut self.draft
            && draft.sent.is_some()
            && draft.sent == file
        {
            draft.base = draft.sent.take();
        }
        if self.draft.as_ref().is_some_and(|draft| Some(&draft.text) == file.as_ref()) {
            self.draft = None;
        }
        self.file = file;
    }

    pub fn typed(&mut self, text: String) {
        match &mut self.draft {
            Some(draft) => draft.text = text,
            None => self.draft = Some(Draft { text, base: self.file.clone(), sent: None }),
        }
        let same = |draft: &Draft| draft.sent.is_none() && draft.text == self.file.as_deref().unwrap_or_default();
        if self.draft.as_ref().is_some_and(same) {
            self.draft = None;
        }
    }

    /// The draft was sent; it stays until the file is read back.
    pub fn sent(&mut self) {
        if let Some(draft) = &mut self.draft {
            draft.sent = Some(draft.text.clone());
        }
    }

    pub fn discard(&mut self) {
        self.draft = None;
    }

    /// Nothing until the file was read.
    pub fn text(&self) -> Option<&str> {
        let file = self.file.as_deref().unwrap_or_default();
        self.read.then(|| self.draft.as_ref().map_or(file, |draft| &draft.text))
    }

    pub fn standing(&self) -> Standing {
        match &self.draft {
            None => Standing::Saved,
            Some(draft) if draft.base == self.file => Standing::Unsaved,
            Some(_) if self.file.is_none() => Standing::Gone,
            Some(_) => Standing::Overtaken,
        }
    }

    pub fn has_draft(&self) -> bool {
        self.draft.is_some()
    }
}

impl Standing {
    pub fn words(self) -> &'static str {
        match self {
            Standing::Saved => "saved",
            Standing::Unsaved => "not saved",
            Standing::Overtaken => "not saved; the file has changed since",
            Standing::Gone => "not saved; the file is not there now",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(file: &str) -> Paper {
        let mut paper = Paper::default();
        assert_eq!(paper.text(), None);
        paper.read(Some(file.to_owned()));
        paper
    }

    fn shown(paper: &Paper) -> (&str, Standing) {
        (paper.text().unwrap(), paper.standing())
    }

    #[test]
    fn a_draft_outlives_every_reading_of_the_file() {
        let mut paper = opened("FROM a\n");
        paper.typed("FROM b\n".into());
        paper.read(Some("FROM a\n".into()));
        assert_eq!(shown(&paper), ("FROM b\n", Standing::Unsaved));
        paper.read(Some("FROM c\n".into()));
        assert_eq!(shown(&paper), ("FROM b\n", Standing::Overtaken));
        paper.read(None);
        assert_eq!(shown(&paper), ("FROM b\n", Standing::Gone));
        paper.read(Some("FROM a\n".into()));
        assert_eq!(shown(&paper), ("FROM b\n", Standing::Unsaved));
        paper.discard();
        assert_eq!(shown(&paper), ("FROM a\n", Standing::Saved));
    }

    #[test]
    fn what_is_typed_while_saving_is_a_draft_over_what_was_saved() {
        let mut paper = opened("1");
        paper.typed("2".into());
        paper.sent();
        paper.typed("3".into());
        paper.read(Some("2".into()));
        assert_eq!(shown(&paper), ("3", Standing::Unsaved));
        paper.sent();
        paper.read(Some("3".into()));
        assert_eq!(shown(&paper), ("3", Standing::Saved));
        assert!(!paper.has_draft());
    }

    #[test]
    fn what_is_saved_is_the_file_and_follows_it_back_in_time() {
        let mut paper = opened("1");
        paper.typed("2".into());
        paper.sent();
        paper.read(Some("2".into()));
        paper.read(Some("1".into()));
        assert_eq!(shown(&paper), ("1", Standing::Saved));
        paper.typed("2".into());
        paper.typed("1".into());
        assert!(!paper.has_draft(), "typed and taken back");
    }
}
