import time
async def test_a(simulator, gateway):
    t=time.time(); p = await simulator.authorized(); print("auth", time.time()-t)
    for i in range(3):
        t=time.time(); s = await gateway.snapshot(p); print("snap", time.time()-t)
    t=time.time(); await simulator.post("clock/advance", minutes=5); print("adv", time.time()-t)
