//! Tables as Go's text/tabwriter makes them for the Docker client: `tabwriter.NewWriter(out, 10, 1, 3, ' ', 0)`.

/// A cell is at least this wide, padding included; the last cell of a row is not padded.
const MIN_WIDTH: usize = 10;
const PADDING: usize = 3;

/// The rows of one table as text. A row is its cells; the last is printed as it is.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    tabulate(rows, MIN_WIDTH)
}

/// `docker top` uses a minimal width of 20.
pub(super) fn wide_table(rows: &[Vec<String>]) -> String {
    tabulate(rows, 20)
}

fn tabulate(rows: &[Vec<String>], min_width: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in rows {
        // A column is made of the cells that end in a tab: the last of a row does not count.
        for (cell, width) in row.iter().zip(widths.iter_mut()).take(row.len().saturating_sub(1)) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in rows {
        for (i, cell) in row.iter().enumerate() {
            out.push_str(cell);
            if i + 1 < row.len() {
                let width = (widths[i] + PADDING).max(min_width);
                out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
            }
        }
        out.push('\n');
    }
    out
}

/// The first `width` characters, the last of them `…` when something was cut: formatter.Ellipsis.
pub(super) fn ellipsis(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_three_wider_than_its_widest_cell_and_at_least_ten_wide() {
        let rows = [["REPOSITORY", "TAG", "SIZE"], ["busybox", "latest", "1.98MB"]];
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|c| (*c).to_owned()).collect()).collect();
        assert_eq!(table(&rows), "REPOSITORY   TAG       SIZE\nbusybox      latest    1.98MB\n");
    }

    #[test]
    fn a_long_command_ends_in_an_ellipsis() {
        assert_eq!(ellipsis("sh -c 'mkdir /a /a/b; e", 20), "sh -c 'mkdir /a /a/…");
    }
}
