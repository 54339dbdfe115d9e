"""How fast mails leave: sendplan beside other queues, bare `smtplib` and Postfix's `smtp-source`, in one run."""
