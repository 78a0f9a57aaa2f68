//! JSON pointers (RFC 6901), and values together with their pointers.

use super::Node;

/// A value of a document and where it is.
#[derive(Debug, Clone)]
pub(crate) struct At<'a> {
    pub(crate) node: &'a Node,
    /// The JSON pointer; the empty text is the root.
    pub(crate) pointer: String,
}

impl<'a> At<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self {
            node,
            pointer: String::new(),
        }
    }

    /// Returns the value under a key.
    pub(crate) fn get(&self, key: &str) -> Option<At<'a>> {
        let node = self.node.get(key)?;
        Some(self.child(key, node))
    }

    /// Returns the text under a key.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.node.get(key).and_then(Node::text)
    }

    /// Returns the values of an object with their keys, in the order of the document. Any other
    /// value has none.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, At<'a>)> {
        let entries = self.node.object().map_or(&[][..], |it| it.entries());
        entries
            .iter()
            .map(|entry| (entry.key.as_str(), self.child(&entry.key, &entry.node)))
    }

    /// Returns the items of a list. Any other value has none.
    pub(crate) fn items(&self) -> impl Iterator<Item = At<'a>> {
        let items = self.node.list().unwrap_or_default();
        items
            .iter()
            .enumerate()
            .map(|(place, node)| self.child(&place.to_string(), node))
    }

    /// Returns the entries of the object under a key.
    pub(crate) fn table(&self, key: &str) -> Vec<(&'a str, At<'a>)> {
        self.get(key)
            .map_or_else(Vec::new, |it| it.entries().collect())
    }

    /// Returns the items of the list under a key.
    pub(crate) fn list(&self, key: &str) -> Vec<At<'a>> {
        self.get(key)
            .map_or_else(Vec::new, |it| it.items().collect())
    }

    fn child(&self, key: &str, node: &'a Node) -> At<'a> {
        At {
            node,
            pointer: child(&self.pointer, key),
        }
    }

    /// Returns the value at a pointer from here, or the value where the pointer leaves the
    /// document and the key that is missing there.
    pub(crate) fn find(&self, pointer: &str) -> Result<At<'a>, (At<'a>, String)> {
        let mut at = self.clone();
        for token in pointer.split('/').skip(1) {
            let key = unescaped(token);
            let next = match at.node.list() {
                Some(items) => {
                    let index = key.parse::<usize>().ok();
                    let node = index.and_then(|index| items.get(index));
                    node.map(|node| at.child(&key, node))
                }
                None => at.get(&key),
            };
            at = next.ok_or((at, key))?;
        }
        Ok(at)
    }
}

/// Returns the pointer of a key below a pointer.
pub(crate) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Returns the key that a token of a pointer stands for.
pub(crate) fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
