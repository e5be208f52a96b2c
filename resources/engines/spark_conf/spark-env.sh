# Spark's launcher script reads this file. Spark starts Java with the incubating vector module, which its machine
# learning alone uses, and Java then prints one line that no option turns off. That line is left out here, where it
# comes in; every other one passes.
set +o posix
exec 2> >(trap '' INT; exec grep --line-buffered -vxF 'WARNING: Using incubator modules: jdk.incubator.vector' >&2)
