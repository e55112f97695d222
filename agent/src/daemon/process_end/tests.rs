use super::*;
use std::process::Command;

fn process(pid: u32) -> Process {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let start_time = ProcessStat::parse(&stat).unwrap().start_time;
    Process { pid, start_time }
}

#[tokio::test]
async fn the_end_of_a_process_is_noticed_before_it_was_waited_for() {
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    let end = process_end(process(child.id()));
    child.kill().unwrap();
    end.await;
    child.wait().unwrap();
}

#[tokio::test]
async fn another_process_with_the_same_number_is_not_waited_for() {
    let process = process(std::process::id());
    let start_time = process.start_time - 1;
    process_end(Process {
        start_time,
        ..process
    })
    .await;
}
