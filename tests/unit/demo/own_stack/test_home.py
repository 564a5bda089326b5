from deploy.demo.own_stack.home import unset


def test_demo_notifies_no_target_of_a_real_updater() -> None:
    environ = {"UPDATER_NOTIFY_URLS": "discord://x", "AUTO_UPDATE_REPO": "a/b", "UPDATER_COMPOSE": "c", "PATH": "/bin"}
    assert unset(environ) == {"UPDATER_NOTIFY_URLS": "", "AUTO_UPDATE_REPO": ""}
