# SPDX-License-Identifier: Apache-2.0
# The tables with one kind more, for tests/unit/kinds/example_test.c, which includes them.
$(B)/gen/kinds_example.c: $(B)/tools/kindc $(wildcard mini-cluster/kinds/*.yaml) tests/data/kinds/example.yaml
	@mkdir -p $(@D)
	$(B)/tools/kindc $(filter %.yaml,$^) > $@
$(B)/unit/kinds/example_test: $(B)/gen/kinds_example.c
# The tool itself is under test.
$(B)/unit/kinds/kindc_test: $(B)/tools/kindc
# Its rule notes the headers of one source only.
$(B)/tools/kindc: $(wildcard mini-cluster/kinds/gen/*.h) mini-cluster/kinds/print_names.h
