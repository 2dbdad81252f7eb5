from app.power.windows import ES_CONTINUOUS, ES_SYSTEM_REQUIRED, ThreadStayAwake


async def test_windows_is_told_to_stay_awake_and_to_forget_it() -> None:
    told: list[int] = []

    def set_state(state: int) -> int:
        told.append(state)
        return ES_CONTINUOUS

    awake = ThreadStayAwake(set_state)
    held = []
    for step in (awake.hold("one"), awake.hold("one"), awake.release()):
        await step
        held.append(awake.held)
    assert held == [True, True, False]
    assert told == [ES_CONTINUOUS | ES_SYSTEM_REQUIRED, ES_CONTINUOUS]


async def test_windows_may_refuse() -> None:
    awake = ThreadStayAwake(lambda _: 0)
    await awake.hold("one")
    assert not awake.held
