"""Many workers on one study: the worker, the engines that start workers, the gateway."""
