//! A browser window that waits for its answer while the login goes on.

use super::loopback::{Page, Server, Visit};
use super::pages;

/// A browser window that waits for its page, and the server that keeps its connection open.
pub struct Browser {
    pub visit: Visit,
    pub server: Server,
}

impl Browser {
    /// Shows the last page. The future ends when it has left; it need not be awaited where the
    /// runtime lives on.
    pub fn say_logged_in(self, who: &str) -> impl Future<Output = ()> + use<> {
        self.say(Page::html(pages::logged_in(who)))
    }

    /// As [`say_logged_in`](Self::say_logged_in), for a login that failed.
    pub fn say_failed(self, message: &str, hint: Option<&str>) -> impl Future<Output = ()> + use<> {
        self.say(Page::failure(pages::failed(message, hint)))
    }

    /// Sends the browser to `url`.
    pub fn redirect(self, url: &str) {
        drop(self.say(Page::redirect(url)));
    }

    fn say(self, page: Page) -> impl Future<Output = ()> + use<> {
        self.visit.answer(page);
        self.server.finish()
    }
}
