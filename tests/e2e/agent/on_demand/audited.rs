//! The question and its answer in the audit log.

use opkssh_protocol::audit::{AuditEvent, PersonAnswer, QuestionKind};
use opkssh_test_support::left_out;

use super::{BUTTON, Needy, PARTS};
use crate::agent::audit::wait_for;

#[test]
fn a_question_whether_to_log_in_and_its_answer_are_noted() {
    if left_out(&PARTS) {
        return;
    }
    for (says_yes, answer) in [(true, PersonAnswer::Yes), (false, PersonAnswer::No)] {
        let needy = Needy::new(&["hosts: [localhost]"]);
        let home = &needy.setup.home;
        let ssh = needy.ssh();
        let shown = needy.desktop.wait_for(1);
        let asked = wait_for(home, AuditEvent::Asked, 1);
        needy.admit();
        match says_yes {
            true => needy.desktop.click(&shown, BUTTON),
            false => needy.desktop.dismiss(&shown),
        }
        let answered = wait_for(home, AuditEvent::Answered, 1);
        for entry in asked.iter().chain(&answered) {
            assert_eq!(entry.account.as_deref(), Some("test"));
            assert_eq!(entry.question, Some(QuestionKind::Login));
        }
        assert_eq!(answered[0].answer, Some(answer));
        let _ = ssh.wait();
        let logins = if says_yes { 2 } else { 1 };
        wait_for(home, AuditEvent::LoggedIn, logins);
    }
}
