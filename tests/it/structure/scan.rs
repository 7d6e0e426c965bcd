//! Finds every path in the tokens of a file, in code, in macros and in attributes.
//!
//! Items below `#[cfg(test)]` are left out.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// A path or a single name, as it is written in a file.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    /// The module that contains the mention.
    pub(super) module: Vec<String>,
    pub(super) line: usize,
    /// The segments of the path. The first one is `crate` for `$crate` too.
    pub(super) path: Vec<String>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One name of a `use`, after its groups are taken apart.
    Use {
        /// The name that it has in this module.
        name: String,
        /// Whether the path ends in `self`, which brings in a module or type only.
        is_self: bool,
        /// Whether the name is re-exported with `pub use`.
        is_public: bool,
    },
    /// A `use` that ends in `*`.
    Glob { is_public: bool },
    /// A path in code.
    Path,
    /// A path in front of parentheses: a call, or the name of a function in its declaration.
    Call,
    /// A method that is called, or an associated function of a type in brackets: `<T>::f()`.
    Method,
    /// The path of a macro call.
    Macro,
}

/// The mentions, items and modules of a file.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) mentions: Vec<Mention>,
    /// Modules that exist in tests only.
    pub(super) test_modules: Vec<Vec<String>>,
}

impl Scan {
    /// Reads the text of a file that holds this module.
    pub(super) fn of(text: &str, module: &[String]) -> Self {
        let mut scan = Self::default();
        let tokens: TokenStream = text.parse().unwrap();
        scan.tokens(tokens, module, false);
        scan
    }

    fn tokens(&mut self, tokens: TokenStream, module: &[String], in_attribute: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at = match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    self.attribute(&tokens, at, module)
                }
                TokenTree::Ident(ident) if is_declared_module(ident, &tokens[at..]) => {
                    let inner: Vec<String> = [module, &[tokens[at + 1].to_string()]].concat();
                    self.group(&tokens[at + 2], &inner, in_attribute);
                    at + 3
                }
                TokenTree::Ident(ident) if *ident == "use" && !is_mark(tokens.get(at + 1), '<') => {
                    let is_end = |token: &TokenTree| is_mark(Some(token), ';');
                    let length = tokens[at..].iter().position(is_end).unwrap();
                    let is_public = is_public(&tokens[..at]);
                    self.use_tree(&tokens[at + 1..at + length], Vec::new(), module, is_public);
                    at + length
                }
                TokenTree::Ident(_) => self.path(&tokens, at, module),
                TokenTree::Literal(literal) if in_attribute => {
                    // Some attributes name functions in strings: `#[serde(with = "crate::x")]`.
                    let text = literal.to_string();
                    let text = text.trim_matches('"');
                    if text.contains("::") && syn::parse_str::<syn::Path>(text).is_ok() {
                        let line = literal.span().start().line;
                        let path = text.split("::").map(|part| part.trim().to_owned());
                        self.add(module, line, path.collect(), Kind::Path);
                    }
                    at + 1
                }
                token => {
                    self.group(token, module, in_attribute);
                    at + 1
                }
            };
        }
    }

    fn group(&mut self, token: &TokenTree, module: &[String], in_attribute: bool) {
        if let TokenTree::Group(group) = token {
            self.tokens(group.stream(), module, in_attribute);
        }
    }

    /// Reads an attribute, and returns the place to continue at. If the attribute is for tests
    /// only, this is the end of the item.
    fn attribute(&mut self, tokens: &[TokenTree], at: usize, module: &[String]) -> usize {
        let group_at = at + 1 + usize::from(is_mark(tokens.get(at + 1), '!'));
        let Some(TokenTree::Group(group)) = tokens.get(group_at) else {
            return at + 1;
        };
        let name = group.stream().into_iter().next();
        match name.map(|name| name.to_string()).as_deref() {
            Some("doc") => group_at + 1,
            Some("cfg") if names_test(group.stream()) => {
                let item = &tokens[group_at + 1..];
                let name_at = item.iter().position(|token| token.to_string() == "mod");
                let length = item_length(item);
                if let Some(name_at) = name_at.filter(|name_at| *name_at < length) {
                    let inner = [module, &[item[name_at + 1].to_string()]].concat();
                    self.test_modules.push(inner);
                }
                group_at + 1 + length
            }
            _ => {
                self.tokens(group.stream(), module, true);
                group_at + 1
            }
        }
    }

    /// Takes the tree of a `use` apart, without the word `use` itself.
    fn use_tree(
        &mut self,
        tokens: &[TokenTree],
        mut path: Vec<String>,
        module: &[String],
        is_public: bool,
    ) {
        let mut line = 0;
        let mut alias = None;
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(ident) if *ident == "as" => {
                    alias = tokens.get(at + 1).map(ToString::to_string);
                    break;
                }
                TokenTree::Ident(ident) => {
                    line = ident.span().start().line;
                    path.push(plain(ident));
                }
                TokenTree::Punct(mark) if mark.as_char() == '*' => {
                    let line = mark.span().start().line;
                    self.add(module, line, path, Kind::Glob { is_public });
                    return;
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    for part in inner.split(|token| is_mark(Some(token), ',')) {
                        self.use_tree(part, path.clone(), module, is_public);
                    }
                    return;
                }
                _ => {}
            }
        }
        if tokens.is_empty() {
            return;
        }
        let is_self = path.len() > 1 && path.last().is_some_and(|last| last == "self");
        if is_self {
            path.pop();
        }
        if let Some(name) = alias.or_else(|| path.last().cloned()) {
            let kind = Kind::Use {
                name,
                is_self,
                is_public,
            };
            self.add(module, line, path, kind);
        }
    }

    /// Reads the path that begins at an identifier, and returns the place of its end.
    fn path(&mut self, tokens: &[TokenTree], start: usize, module: &[String]) -> usize {
        let before = |back: usize, mark| back <= start && is_mark(tokens.get(start - back), mark);
        let mut path = Vec::new();
        let mut line = 0;
        let mut at = start;
        while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
            path.push(plain(ident));
            line = line.max(ident.span().start().line);
            at += 1;
            let is_joined = is_mark(tokens.get(at), ':') && is_mark(tokens.get(at + 1), ':');
            if !is_joined || !matches!(tokens.get(at + 2), Some(TokenTree::Ident(_))) {
                break;
            }
            at += 2;
        }
        let is_call = matches!(tokens.get(at), Some(TokenTree::Group(group))
            if group.delimiter() == Delimiter::Parenthesis);
        // This is a lifetime, a macro's variable, or the rest of a path of another crate or of
        // `<T>::f`.
        let is_of_crate = path.first().is_some_and(|first| first == "crate");
        let is_other = before(1, '\'')
            || (before(1, '$') && !is_of_crate)
            || (before(1, ':') && before(2, ':'));
        let is_member = before(1, '.') && !before(2, '.');
        if is_member || is_other {
            if is_call {
                let last = path.pop().into_iter().collect();
                self.add(module, line, last, Kind::Method);
            }
        } else if is_mark(tokens.get(at), '!') && !is_mark(tokens.get(at + 1), '=') {
            self.add(module, line, path, Kind::Macro);
        } else {
            let kind = if is_call { Kind::Call } else { Kind::Path };
            self.add(module, line, path, kind);
        }
        at
    }

    fn add(&mut self, module: &[String], line: usize, path: Vec<String>, kind: Kind) {
        let module = module.to_vec();
        self.mentions.push(Mention {
            module,
            line,
            path,
            kind,
        });
    }
}

fn plain(ident: &Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// Returns whether these tokens begin with `mod name { … }`.
fn is_declared_module(ident: &Ident, tokens: &[TokenTree]) -> bool {
    let is_block = matches!(tokens.get(2), Some(TokenTree::Group(group))
        if group.delimiter() == Delimiter::Brace);
    *ident == "mod" && matches!(tokens.get(1), Some(TokenTree::Ident(_))) && is_block
}

/// Returns whether the tokens before a `use` end in `pub` or `pub(…)`.
fn is_public(before: &[TokenTree]) -> bool {
    let mut last = before.iter().rev();
    let is_pub = |token: Option<&TokenTree>| token.is_some_and(|token| token.to_string() == "pub");
    match last.next() {
        Some(TokenTree::Group(_)) => is_pub(last.next()),
        token => is_pub(token),
    }
}

/// Returns whether a `cfg` asks for tests; `not(test)` does not.
fn names_test(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "not" => drop(tokens.next()),
            TokenTree::Ident(ident) if ident == "test" => return true,
            TokenTree::Group(group) if names_test(group.stream()) => return true,
            _ => {}
        }
    }
    false
}

/// Returns the number of tokens in the item, statement, field or arm at the start of these tokens.
fn item_length(tokens: &[TokenTree]) -> usize {
    let word = |name: &str| tokens.iter().take(4).any(|token| token.to_string() == name);
    let is_item = [
        "fn",
        "impl",
        "struct",
        "enum",
        "trait",
        "mod",
        "macro_rules",
    ];
    let is_item = is_item.into_iter().any(word);
    let is_use = word("use");
    let is_end = |token: &TokenTree| match token {
        TokenTree::Punct(mark) => match mark.as_char() {
            ';' => true,
            ',' => !is_item && !is_use,
            _ => false,
        },
        TokenTree::Group(group) => !is_use && group.delimiter() == Delimiter::Brace,
        _ => false,
    };
    let end = tokens.iter().position(is_end);
    end.map_or(tokens.len(), |end| end + 1)
}
