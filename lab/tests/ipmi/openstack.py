"""What operators of OpenStack ask a BMC: one line of JSON, for the test that started this. The password comes by stdin."""

import json
import sys

from pyghmi.ipmi import command

port, user = int(sys.argv[1]), sys.argv[2]
bmc = command.Command("127.0.0.1", user, sys.stdin.readline().strip(), port=port, keepalive=False)
said = {"before": bmc.get_power()["powerstate"]}
bmc.set_bootdev("network", uefiboot=True)
said["boot"] = bmc.get_bootdev()
bmc.set_power("on", wait=10)
said["after"] = bmc.get_power()["powerstate"]
said["spent"] = bmc.get_bootdev()["bootdev"]
said["sensors"] = {sensor.name: [sensor.value, sensor.units, sensor.health] for sensor in bmc.get_sensor_data()}
said["inventory"] = dict(bmc.get_inventory())["System"]
said["log"] = [entry["event"] for entry in bmc.get_event_log()]
bmc.set_identify(on=True)
bmc.set_power("shutdown")
bmc.ipmi_session.logout()
print(json.dumps(said))
