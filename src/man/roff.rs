//! Makes text for man(7) of the Markdown in `docs/`: paragraphs, lists, tables, code, bold text and
//! links. Each paragraph and each item of a list is one line there.

/// Returns the title of each heading of a document, and the text below it.
pub fn sections(document: &str) -> Vec<(&str, &str)> {
    let mut headings: Vec<(usize, &str)> = Vec::new();
    let (mut at, mut in_code) = (0, false);
    for line in document.split_inclusive('\n') {
        in_code ^= line.starts_with("```");
        if !in_code && line.starts_with('#') {
            headings.push((at, line));
        }
        at += line.len();
    }
    let ends = headings.iter().skip(1).map(|(at, _)| *at).chain([at]);
    let sections = headings.iter().zip(ends.collect::<Vec<_>>());
    sections
        .map(|(&(at, heading), end)| {
            let title = heading.trim_start_matches('#').trim();
            (title, &document[at + heading.len()..end])
        })
        .collect()
}

/// Converts text without headings.
pub fn from_markdown(text: &str) -> String {
    let mut page = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let number = line.split_once(". ");
        let number = number.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
        if line.starts_with("```") {
            page += &format!("{}.RS 4\n.nf\n", gap(&page));
            let code = lines.by_ref().take_while(|line| !line.starts_with("```"));
            code.for_each(|line| page += &format!("{}\n", escaped(line)));
            page += ".fi\n.RE\n";
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            while let Some(row) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(cells(row));
            }
            page += &table(&rows);
        } else if let Some(item) = line.strip_prefix("- ") {
            page += &format!(".IP \\(bu 2\n{}\n", inline(item));
        } else if let Some((number, item)) = number {
            page += &format!(".IP {number}. 4\n{}\n", inline(item));
        } else if !line.is_empty() {
            let paragraph = if page.is_empty() { "" } else { ".PP\n" };
            page += &format!("{paragraph}{}\n", inline(line.trim_start()));
        }
    }
    page
}

/// Escapes what troff(1) would interpret in plain text.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            escaped.push('\n');
        }
        if line.starts_with('.') {
            escaped += "\\&";
        }
        for letter in line.chars() {
            match letter {
                '\\' => escaped += "\\e",
                '-' => escaped += "\\-",
                '\'' => escaped += "\\(aq",
                '`' => escaped += "\\(ga",
                '^' => escaped += "\\(ha",
                '~' => escaped += "\\(ti",
                letter => escaped.push(letter),
            }
        }
    }
    escaped
}

/// Returns the space before a block, which a section does not begin with.
fn gap(page: &str) -> &'static str {
    if page.is_empty() { "" } else { ".sp\n" }
}

/// Converts a table to a list: the first cell with those in the middle, then the last one.
fn table(rows: &[Vec<String>]) -> String {
    let mut page = String::new();
    let Some((head, rows)) = rows.split_first() else {
        return page;
    };
    // the line below the head has no text
    for row in rows.iter().skip(1) {
        let [first, middle @ .., last] = row.as_slice() else {
            continue;
        };
        let middle = middle.iter().zip(head.iter().skip(1));
        let middle = middle.filter(|(cell, _)| !cell.is_empty());
        let middle: Vec<_> = middle
            .map(|(cell, name)| format!("{name}: {cell}"))
            .collect();
        let middle = match middle.is_empty() {
            true => String::new(),
            false => format!(" ({})", middle.join("; ")),
        };
        page += &format!(
            ".TP\n{}\n{}\n",
            inline(&format!("{first}{middle}")),
            inline(last)
        );
    }
    page
}

/// Returns the cells of a table's row.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|');
    let row = row.strip_suffix('|').unwrap_or(row).replace("\\|", "\0");
    let cells = row.split('|');
    cells.map(|cell| cell.trim().replace('\0', "|")).collect()
}

/// Converts code, bold text and links within a line.
fn inline(text: &str) -> String {
    let font = |bold| if bold { "\\fB" } else { "\\fR" };
    let (mut line, mut bold) = (String::new(), false);
    for (number, part) in without_links(text).split('`').enumerate() {
        if number % 2 == 1 {
            line += &format!("\\fB{}{}", escaped(part), font(bold));
            continue;
        }
        for (number, piece) in part.split("**").enumerate() {
            if number > 0 {
                bold = !bold;
                line += font(bold);
            }
            line += &escaped(piece);
        }
    }
    line
}

/// Replaces each link by its text, and links to our documents by the pages made of them.
fn without_links(text: &str) -> String {
    let mut line = text.to_owned();
    while let Some(middle) = line.find("](") {
        let (Some(start), Some(end)) = (line[..middle].rfind('['), line[middle..].find(')')) else {
            break;
        };
        let text = match &line[start + 1..middle] {
            "rules.md" => "**opkssh-rules**(5)",
            "configuration.md" => "**opkssh-server**(5)",
            text => text,
        };
        let text = text.to_owned();
        line.replace_range(start..=middle + end, &text);
    }
    line
}

#[cfg(test)]
mod tests;
