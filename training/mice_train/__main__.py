from mice_train.cli import main

main()
