"""What is true of payments, whoever stores or transports it: statuses, moves, money, decisions. Pure."""
